"""From a request that passes a share of a budget to the mail that says so."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core import mail

from accounts import keys, notices
from accounts.models import Budget, Message
from gateway.alerts import tell_alerts
from gateway.models import BudgetAlert
from tests.gateway.conftest import ANSWER
from tests.upstream import whole

pytestmark = pytest.mark.django_db(transaction=True)


def spend(ask, provider, logged):
    keys.forget_all()
    provider.say("alpha", whole(ANSWER))  # 0.0000164 USD at alpha-1
    ask(max_tokens=5)
    logged()


def test_a_share_that_is_reached_is_told_once(ask, acme, provider, logged):
    Budget.objects.create(tenant=acme.tenant, amount=Decimal("0.0002"), period="month", alert_shares=[5, 80, 100])
    spend(ask, provider, logged)
    assert [alert.share for alert in BudgetAlert.objects.all()] == [5]
    assert (tell_alerts(), tell_alerts()) == (1, 0)
    notices.deliver()
    [sent] = mail.outbox
    assert sent.to == ["alice@example.com"]
    assert sent.subject == "Acme: 5 % of the month's budget is used"
    assert "Resets" in sent.body and "(UTC)" in sent.body


def test_the_webhook_says_what_how_much_and_until_when(ask, acme, provider, logged):
    from tests.accounts.test_notices import hooked

    hooked(acme.tenant, "http://127.0.0.1:9/hook")
    Budget.objects.create(tenant=acme.tenant, api_key=acme.row, amount=Decimal("0.0002"), period="day", alert_shares=[5])
    spend(ask, provider, logged)
    tell_alerts()
    data = Message.objects.get(kind="webhook").payload["data"]
    assert (data["share_percent"], data["spent"], data["budget"]) == (5, "0.0000164", "0.0002")
    assert (data["unit"], data["period"], data["api_key"]["name"]) == ("usd", "day", "production")
    assert data["window_starts_at"] < data["reached_at"] < data["resets_at"]


def test_a_budget_below_what_was_spent_is_told_as_used_up_once(ask, acme, provider, logged):
    budget = Budget.objects.create(tenant=acme.tenant, amount=Decimal("0.0002"), period="month")
    spend(ask, provider, logged)
    assert tell_alerts() == 0
    budget.amount = Decimal("0.00001")
    budget.save()
    assert (tell_alerts(), tell_alerts()) == (1, 0)
    notices.deliver()
    assert [sent.subject for sent in mail.outbox] == ["Acme: the budget of this month is used up"]
    assert sorted(BudgetAlert.objects.values_list("share", flat=True)) == [50, 80, 100]
