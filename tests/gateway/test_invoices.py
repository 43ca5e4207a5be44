"""What is charged: exact line by line, the ledger's sum, rounded once."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Budget, Plan
from accounts.plans import put_on
from gateway.invoices import charge, invoices_of
from gateway.models import LedgerEntry
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db(transaction=True)
NOVEMBER = date(2026, 11, 1)


def entered(tenant, at, amount, *, model="alpha/alpha-1", number=[0]):  # noqa: B006  # counts
    number[0] += 1
    LedgerEntry.objects.create(
        tenant=tenant, api_key_id=tenant.pk, request_id=f"r{number[0]}", attempt=1, kind="usage", at=at, model=model,
        provider="alpha", input_tokens=10, output_tokens=5, amount_usd=Decimal(amount),
    )  # fmt: skip


@given(st.lists(st.integers(-(10**9), 10**13), max_size=30), st.decimals(0, 100, places=2))
@settings(max_examples=25, deadline=None)
def test_an_invoice_is_the_ledger_and_its_markup_to_the_last_digit(picos, markup):
    tenant = TenantFactory(markup_percent=markup)
    for n, pico in enumerate(picos):
        entered(tenant, datetime(2026, 11, 1 + n % 28, tzinfo=UTC), Decimal(pico).scaleb(-12), model=f"m{n % 3}")
    [invoice] = [found for found in invoices_of(NOVEMBER) if found.tenant_id == str(tenant.pk)] or [None]
    if invoice is None:
        assert not picos
        return
    assert invoice.cost_usd == sum(Decimal(pico).scaleb(-12) for pico in picos)
    assert invoice.charge_usd == charge(invoice.cost_usd, markup)
    assert abs(invoice.due_usd - invoice.charge_usd) <= Decimal("0.005")


def test_a_month_begins_and_ends_where_the_tenant_lives():
    tenant = TenantFactory(time_zone="Asia/Tokyo")
    begins = datetime(2026, 10, 31, 15, tzinfo=UTC)
    for at in (
        begins - timedelta(seconds=1),
        begins,
        datetime(2026, 11, 30, 14, 59, tzinfo=UTC),
        datetime(2026, 11, 30, 15, tzinfo=UTC),
    ):
        entered(tenant, at, "1")
    [invoice] = invoices_of(NOVEMBER)
    assert invoice.cost_usd == 2
    assert [line.day for line in invoice.lines] == [date(2026, 11, 1), date(2026, 11, 30)]


def test_the_tenants_own_markup_comes_before_the_plans(tmp_path):
    plan = Plan.objects.create(name="p", markup_percent=Decimal("20"))
    for name, own in (("by plan", None), ("=own", Decimal("5"))):
        entered(TenantFactory(name=name, plan=plan, markup_percent=own), datetime(2026, 11, 3, tzinfo=UTC), "10")
    out = tmp_path / "november.csv"
    call_command("invoices", "2026-11", "--out", str(out), stdout=io.StringIO())
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {row["tenant"]: row["due_usd"] for row in rows if row["day"] == "total"} == {"by plan": "12.00", "'=own": "10.50"}
    assert all(row["due_usd"] == "" for row in rows if row["day"] != "total")


def test_a_plan_gives_its_limits_and_its_budget(sdk, acme, provider):
    from tests.gateway.conftest import ANSWER
    from tests.upstream import whole

    plan = Plan.objects.create(name="small", requests_per_minute=7, month_usd=Decimal("3"))
    put_on(acme.tenant, plan)
    assert Budget.objects.get(tenant=acme.tenant, ended_at=None).amount == 3
    acme.tenant.limits.create(tokens_per_minute=1000)
    from accounts import keys

    keys.forget_all()
    provider.say("alpha", whole(ANSWER))
    answer = sdk.chat.completions.with_raw_response.create(model="alpha-1", messages=[{"role": "user", "content": "Hi"}])
    assert answer.headers["x-ratelimit-limit-requests"] == "7"
    put_on(acme.tenant, Plan.objects.create(name="free of it"))
    assert not Budget.objects.filter(tenant=acme.tenant, ended_at=None).exists()


def test_a_tenant_can_be_tighter_than_its_plan_and_not_wider():
    from accounts.keys import _limits
    from routing.types import RateLimit

    tenant = TenantFactory(plan=Plan.objects.create(name="p", requests_per_minute=100, running=5))
    own = [RateLimit(owner="tenant", requests_per_minute=500, running=2), RateLimit(owner="key", requests_per_minute=9)]
    assert _limits(tenant, own) == (RateLimit(owner="tenant", requests_per_minute=100, running=2), own[1])
