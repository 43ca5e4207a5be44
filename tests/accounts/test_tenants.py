"""What a tenant may be."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Tenant


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Asia/Kolkata"])
def test_a_time_zone_that_exists(zone):
    assert Tenant(name="Acme", time_zone=zone).clean_fields() is None


def test_one_that_does_not_is_refused_with_an_example():
    with pytest.raises(ValidationError, match="Europe/Zurich"):
        Tenant(name="Acme", time_zone="Mars/Olympus").clean_fields()
