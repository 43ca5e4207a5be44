"""Budgets: never overrun, nearly all of them usable, told exactly, and changed while everything runs."""

from __future__ import annotations

from decimal import Decimal

import openai
import pytest

from accounts import keys
from accounts.models import Budget
from gateway.models import BudgetWindow, LedgerEntry
from tests.gateway.conftest import ANSWER
from tests.upstream import whole


@pytest.fixture
def budget(acme):
    """Sets one; the gateway hears of it at once."""

    def budget(amount, *, period="day", unit="usd", **more):
        made = Budget.objects.create(tenant=acme.tenant, amount=Decimal(amount), period=period, unit=unit, **more)
        keys.forget_all()
        return made

    return budget


def test_what_was_spent_is_counted_in_its_window(ask, acme, budget, provider, logged):
    budget("1")
    provider.say("alpha", whole(ANSWER))
    ask()
    [request] = logged(tenant=acme.tenant)
    window = BudgetWindow.objects.get()
    assert (window.spent, request.cost_usd) == (16_400_000, Decimal("0.0000164"))
    assert LedgerEntry.objects.get().amount_usd == request.cost_usd
    assert window.reserved == sum(hold.amount for hold in window.holds.all())


def test_a_request_that_does_not_fit_is_told_what_would(ask, acme, budget, provider, logged):
    budget("0.000010")
    with pytest.raises(openai.RateLimitError) as refused:
        ask()
    told = refused.value
    assert told.code == "budget_exhausted"
    assert told.body["details"]["limit"] == "tenant_day_usd"
    assert told.body["details"]["size"] == told.body["details"]["left"] == "0.00001"
    assert told.response.headers["x-should-retry"] == "false"
    [request] = logged(tenant=acme.tenant)
    assert (request.status, request.http_status) == ("refused", 429)
    assert not provider.requests
