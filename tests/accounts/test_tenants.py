"""What a tenant may be."""

from __future__ import annotations

import io

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Tenant


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Asia/Kolkata"])
def test_a_time_zone_that_exists(zone):
    assert Tenant(name="Acme", time_zone=zone).clean_fields() is None


def test_one_that_does_not_is_refused_with_an_example():
    with pytest.raises(ValidationError, match="Europe/Zurich"):
        Tenant(name="Acme", time_zone="Mars/Olympus").clean_fields()


def test_a_limit_is_set_changed_and_taken_away_by_command(acme):
    def limits():
        return list(acme.tenant.limits.values_list("api_key__name", "model", "requests_per_minute", "running"))

    call_command("set_limit", "Acme", "--requests-per-minute", "60", stdout=io.StringIO())
    call_command(
        "set_limit", "Acme", "--key", acme.row.prefix, "--model", "alpha/alpha-1", "--running", "2", stdout=io.StringIO()
    )
    assert sorted(limits(), key=str) == [("production", "alpha/alpha-1", None, 2), (None, "", 60, None)]
    call_command("set_limit", "Acme", "--requests-per-minute", "90", stdout=io.StringIO())
    assert (None, "", 90, None) in limits()
    with pytest.raises(CommandError, match="greater than or equal to 1"):
        call_command("set_limit", "Acme", "--requests-per-minute", "0")
