"""Money: one entry for each attempt, sums that come out the same however they are made, and a command that adds it all up."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from gateway import ledger
from gateway.models import LedgerEntry, RequestLog, Rollup
from gateway.rollups import rebuild, roll_up
from tests.factories import TenantFactory
from tests.gateway.conftest import ANSWER
from tests.upstream import stream, whole

NOON = datetime(2026, 3, 29, 12, 30, tzinfo=UTC)


def attempt(number=1, cost=5_000_000, usage=True, estimated=False, model="alpha/alpha-1"):
    tokens = {"input_tokens": 10, "output_tokens": 5, "estimated": estimated} if usage else None
    return {
        "number": number,
        "model": model,
        "provider": "alpha",
        "cost": cost,
        "usage": tokens,
        "upstream_request_id": f"up-{number}",
    }


def row(tenant_id, key_id, name="req_1", attempts=None, at=NOON, **more):
    attempts = [attempt()] if attempts is None else attempts
    cost = Decimal(sum(a["cost"] for a in attempts)) / 10**12
    about = {"status": "ok", "http_status": 200, "model": "alpha/alpha-1", "query_type": "math", "cost_usd": cost}
    return RequestLog(request_id=name, tenant_id=tenant_id, api_key_id=key_id, received_at=at, attempts=attempts, **about | more)


def enter(rows):
    RequestLog.objects.bulk_create(rows, ignore_conflicts=True)
    ledger.enter(rows)


# --- from a request to its entries


def test_a_request_and_its_money_are_entered_together(ask, acme, provider, logged):
    provider.say("alpha", whole(ANSWER))
    ask()
    [request] = logged(tenant=acme.tenant)
    entry = LedgerEntry.objects.get(request_id=request.request_id)
    assert (entry.kind, entry.amount_usd, entry.model) == ("usage", request.cost_usd, "alpha/alpha-1")
    assert entry.amount_usd == Decimal("0.0000164")  # 6 fresh, 4 cached, 5 written, at 1, 0.1 and 2 USD a million


def test_a_stream_that_breaks_off_is_entered_as_an_estimate(ask, acme, provider, logged):
    from tests.gateway.conftest import ROLE, WORDS

    provider.say("alpha", stream(ROLE, *WORDS, cut=True))
    with pytest.raises(Exception, match=r".+"):
        list(ask(stream=True))
    [request] = logged(tenant=acme.tenant)
    entry = LedgerEntry.objects.get(request_id=request.request_id)
    assert (entry.kind, entry.amount_usd) == ("estimate", request.cost_usd)
    assert entry.amount_usd > 0


def test_every_attempt_that_was_billed_has_its_own(acme):
    enter([row(acme.tenant.pk, acme.row.pk, attempts=[attempt(1), attempt(2, usage=False, cost=0), attempt(3, estimated=True)])])
    assert list(LedgerEntry.objects.order_by("attempt").values_list("attempt", "kind")) == [(1, "usage"), (3, "estimate")]


def test_a_test_key_spends_nothing(acme):
    enter([row(acme.tenant.pk, acme.row.pk, is_test=True)])
    assert not LedgerEntry.objects.exists()


def test_what_nobody_saw_the_end_of_is_entered_as_such(acme):
    enter([row(acme.tenant.pk, acme.row.pk, status="orphaned", attempts=[attempt(usage=False)])])
    assert LedgerEntry.objects.get().kind == "orphaned"


# --- sums


def test_days_are_the_tenant_s_own(acme):
    """The clocks went forward in Berlin that night: its day began at 23:00 UTC and had 23 hours."""
    acme.tenant.time_zone = "Europe/Berlin"
    acme.tenant.save()
    moments = [
        datetime(2026, 3, 28, 22, 59, tzinfo=UTC),
        datetime(2026, 3, 28, 23, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 21, 59, tzinfo=UTC),
    ]
    moments.append(datetime(2026, 3, 29, 22, 0, tzinfo=UTC))
    enter([row(acme.tenant.pk, acme.row.pk, f"req_{n}", at=at) for n, at in enumerate(moments)])
    roll_up()
    days = Rollup.objects.filter(period="day").order_by("starts_at").values_list("starts_at", "requests")
    assert list(days) == [
        (datetime(2026, 3, 27, 23, tzinfo=UTC), 1),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 2),
        (datetime(2026, 3, 29, 22, tzinfo=UTC), 1),
    ]


def test_what_comes_late_changes_its_hour(acme):
    enter([row(acme.tenant.pk, acme.row.pk, "req_1")])
    roll_up()
    enter([row(acme.tenant.pk, acme.row.pk, "req_2", status="error", http_status=502)])
    roll_up()
    hour = Rollup.objects.get(period="hour")
    assert (hour.requests, hour.failures, hour.cost_usd) == (2, 1, Decimal("0.00001"))


class Sums(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        requests=st.lists(
            st.tuples(
                st.integers(0, 12),  # which request: some come twice
                st.integers(0, 3),  # whose
                st.lists(st.tuples(st.integers(0, 10**13), st.booleans(), st.booleans()), max_size=3),  # attempts
                st.integers(0, 60 * 48),  # when
            ),
            max_size=20,
        ),
        cuts=st.lists(st.integers(0, 20), max_size=4),
    )
    def test_in_any_order_and_however_often_the_sums_are_the_ledger_s(self, requests, cuts):
        tenants = [TenantFactory(time_zone=zone).pk for zone in ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham")]
        rows = {}
        for name, whose, tried, minute in requests:
            attempts = [attempt(n, cost if usage else 0, usage, estimated) for n, (cost, usage, estimated) in enumerate(tried, 1)]
            at = NOON + timedelta(minutes=minute)
            rows.setdefault(name, row(tenants[whose], tenants[whose], f"req_{name}", attempts, at))
        batches = list(rows.values())
        for start in [0, *sorted(cuts)]:
            enter(batches[start:])  # again and again, from anywhere
            roll_up()
        total = LedgerEntry.objects.aggregate(sum=Sum("amount_usd"))["sum"] or 0
        assert total == sum(r.cost_usd for r in batches)
        for period in ("hour", "day"):
            sums = Rollup.objects.filter(period=period).aggregate(cost=Sum("cost_usd"), requests=Sum("requests"))
            assert (sums["cost"] or 0, sums["requests"] or 0) == (total, len(batches))
        before = sorted(Rollup.objects.values_list("period", "starts_at", "tenant_id", "model", "requests", "cost_usd"))
        rebuild()
        assert sorted(Rollup.objects.values_list("period", "starts_at", "tenant_id", "model", "requests", "cost_usd")) == before
        call_command("reconcile", stdout=io.StringIO())


# --- does it add up?


def test_every_difference_is_printed(acme, tmp_path):
    enter([row(acme.tenant.pk, acme.row.pk)])
    call_command("rollup", stdout=io.StringIO())
    call_command("reconcile", stdout=(said := io.StringIO()))
    assert said.getvalue().endswith("Everything adds up.\n")
    Rollup.objects.filter(period="day").update(cost_usd=Decimal("0.5"))
    with pytest.raises(CommandError, match=r"rollups by day .* 0.5"):
        call_command("reconcile")
    call_command("rollup", "--rebuild", stdout=io.StringIO())
    export = tmp_path / "export.csv"
    export.write_text("request_id,cost_usd\nup-1,0.000007\nup-9,0.1\n")
    with pytest.raises(CommandError) as differing:
        call_command("reconcile", str(export))
    assert "up-1" in str(differing.value) and "up-9" in str(differing.value)
    export.write_text("id,cost\n1,2\n")
    with pytest.raises(CommandError, match="no column"):
        call_command("reconcile", str(export))
    export.write_text("request_id,cost_usd\nup-1,much\n")
    with pytest.raises(CommandError, match="Line 2"):
        call_command("reconcile", str(export))
