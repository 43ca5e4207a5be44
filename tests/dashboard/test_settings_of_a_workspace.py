"""Budgets, limits, webhooks, credentials and what belongs to everybody: on their pages."""

import json
import re
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse

from accounts.keys import create_key, recognise
from accounts.models import Message, Webhook
from accounts.refusals import InvalidKey
from tests import upstream as scripted

pytestmark = pytest.mark.django_db


def url(acme, name, *args):
    return reverse(name, args=[acme.slug, *args])


BUDGET = {"amount": "250", "unit": "usd", "period": "month", "alerts": "50, 90 %"}


def test_a_budget_is_set_changed_and_ended(acme):
    _, token = create_key(acme.tenant, "website")
    client = acme.at("admin")
    client.post(url(acme, "budget_set"), BUDGET)
    client.post(url(acme, "budget_set"), {**BUDGET, "amount": "300"})
    (budget,) = acme.tenant.budgets.all()
    assert (budget.amount, budget.alert_shares) == (Decimal(300), [50, 90])
    assert recognise(token).budgets[0].size == 300 * 10**12
    assert b"$300.00 a month" in acme.at("viewer").get(url(acme, "budgets")).content
    client.post(url(acme, "budget_end", budget.pk))
    assert recognise(token).budgets == ()


def test_what_is_spent_of_a_budget_and_that_none_was_overrun(acme):
    from datetime import timedelta

    from django.utils import timezone

    from accounts.models import Budget
    from gateway.models import BudgetWindow

    budget = Budget.objects.create(tenant=acme.tenant, amount=Decimal(20), period="month")
    now = timezone.now()
    BudgetWindow.objects.create(
        budget=budget, starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1), spent=5 * 10**12, most=20 * 10**12
    )
    page = acme.at("viewer").get(url(acme, "budgets")).content.decode()
    assert "$5.00" in page and "$20.00 a month" in page and "25 %" in page
    assert "Budgets overrun since this was installed: 0." in page


@pytest.mark.parametrize(
    "wrong", [{"amount": "-1"}, {"amount": "5000000"}, {"alerts": "many"}, {"alerts": "120"}, {"period": "year"}]
)
def test_a_budget_that_cannot_be_is_refused(acme, wrong):
    page = acme.at("admin").post(url(acme, "budget_set"), {**BUDGET, **wrong})
    assert page.status_code == 200 and b'role="alert"' in page.content and not acme.tenant.budgets.exists()


def test_another_s_key_gets_no_budget_from_here(acme):
    theirs, _ = create_key(acme.stranger.memberships.get().tenant, "theirs")
    page = acme.at("admin").post(url(acme, "budget_set"), {**BUDGET, "api_key": str(theirs.pk)})
    assert page.status_code == 200 and not theirs.budgets.exists()


def test_limits_of_all_keys_together(acme):
    _, token = create_key(acme.tenant, "website")
    acme.at("admin").post(url(acme, "limit_set"), {"requests_per_minute": "600", "running": "20"})
    (limit,) = recognise(token).limits
    assert (limit.owner, limit.requests_per_minute, limit.tokens_per_minute, limit.running) == ("tenant", 600, None, 20)


def test_a_webhook_is_made_and_its_secret_shown_once(acme):
    from accounts.webhooks import secret_of

    page = acme.at("admin").post(url(acme, "webhook_make"), {"url": "http://127.0.0.1:9/hook", "events": []}).content.decode()
    secret = re.search(r"(whsec_[\w+/=]+)<", page)[1]
    hook = Webhook.objects.get()
    assert secret_of(hook) == secret
    assert secret not in acme.at("admin").get(url(acme, "webhooks")).content.decode()


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "ftp://example.com/", "https://user:word@127.0.0.1/", "nonsense"]
)
def test_a_webhook_goes_nowhere_inside(acme, address):
    page = acme.at("admin").post(url(acme, "webhook_make"), {"url": address})
    assert b'role="alert"' in page.content and not Webhook.objects.exists()


def test_a_ping_is_delivered_paused_and_sent_again(acme):
    from accounts.notices import deliver

    acme.at("admin").post(url(acme, "webhook_make"), {"url": "http://127.0.0.1:9/hook"})
    hook = Webhook.objects.get()
    acme.at("admin").post(url(acme, "webhook_test", hook.pk))
    deliver()
    page = acme.at("admin").get(url(acme, "webhooks")).content.decode()
    assert "no answer (ConnectError)" in page
    message = Message.objects.get()
    assert acme.at("admin").post(url(acme, "webhook_again", message.pk)).status_code == 404, "it is still being tried"
    Message.objects.update(state="given_up", tries=8)
    acme.at("admin").post(url(acme, "webhook_again", message.pk))
    message.refresh_from_db()
    assert (message.state, message.tries) == ("waiting", 0)
    acme.at("admin").post(url(acme, "webhook_pause", hook.pk))
    hook.refresh_from_db()
    assert not hook.is_active


SECRET = "sk-their-own-9876"
GOOD = scripted.whole({"object": "list", "data": []})


def test_a_provider_s_key_is_checked_sealed_and_never_shown(acme, openai_is_here):
    openai_is_here.say("openai", GOOD)
    client = acme.at("admin")
    page = client.post(
        url(acme, "credential_save"), {"provider": "openai", "secret": f" {SECRET}\n"}, follow=True
    ).content.decode()
    credential = acme.tenant.credentials.get()
    assert credential.checked_at and credential.last4 == "9876" and SECRET.encode() not in bytes(credential.sealed_secret)
    assert "OpenAI has taken the key" in page and "…9876" in page and SECRET not in page
    assert SECRET not in str(list(acme.tenant.audit_entries.values()))
    openai_is_here.say("openai", GOOD)
    client.post(url(acme, "credential_save"), {"provider": "openai", "secret": "sk-another-0000"})
    assert acme.tenant.credentials.get().last4 == "0000"
    changed = acme.tenant.changed_at
    client.post(url(acme, "credential_remove", credential.pk))
    acme.tenant.refresh_from_db()
    assert not acme.tenant.credentials.exists() and acme.tenant.changed_at > changed


def test_a_provider_s_key_that_is_refused_is_not_kept(acme, openai_is_here):
    openai_is_here.say("openai", scripted.whole({"error": {"message": f"{SECRET} is wrong"}}, 401))
    page = acme.at("admin").post(url(acme, "credential_save"), {"provider": "openai", "secret": SECRET}).content.decode()
    assert "The provider refuses this key" in page and SECRET not in page and not acme.tenant.credentials.exists()


def test_a_provider_that_is_away_is_said_to_be(acme, openai_is_here):
    openai_is_here.say("openai", scripted.whole({}, 503))
    page = (
        acme.at("admin")
        .post(url(acme, "credential_save"), {"provider": "openai", "secret": SECRET}, follow=True)
        .content.decode()
    )
    assert "saved, but not checked" in page and acme.tenant.credentials.get().checked_at is None


def test_what_belongs_to_everybody(acme):
    said = {"name": "Acme Ltd", "time_zone": "Europe/Zurich", "keep_requests_days": "30", "keep_contents_days": "7"}
    acme.at("owner").post(url(acme, "workspace"), said)
    acme.tenant.refresh_from_db()
    assert (acme.tenant.name, acme.tenant.time_zone, acme.tenant.keep_contents_days) == ("Acme Ltd", "Europe/Zurich", 7)
    assert acme.tenant.audit_entries.get().details["name"] == {"from": "Acme", "to": "Acme Ltd"}
    page = acme.at("owner").post(url(acme, "workspace"), {**said, "time_zone": "Mars/Olympus", "name": "No"})
    assert page.status_code == 200 and b"<title>Settings" in page.content
    acme.tenant.refresh_from_db()
    assert acme.tenant.name == "Acme Ltd"


async def everything(acme, who="owner"):
    from django.test import AsyncClient

    client = AsyncClient()
    await sync_to_async(client.force_login)(acme.people[who], "allauth.account.auth_backends.AuthenticationBackend")
    answer = await client.post(url(acme, "workspace_export"))
    assert "attachment" in answer.headers["Content-Disposition"]
    return [json.loads(line) async for line in answer.streaming_content]


@pytest.mark.django_db(transaction=True)
async def test_everything_can_be_taken_along_and_no_secret_is_in_it(acme):
    from accounts.models import Tenant

    _, token = await sync_to_async(create_key)(acme.tenant, "website")
    other = await Tenant.objects.exclude(pk=acme.tenant.pk).afirst()
    await sync_to_async(create_key)(other, "not theirs")
    rows = await everything(acme)
    kinds = {row["kind"] for row in rows}
    assert {"tenant", "memberships", "api_keys", "audit_entries"} <= kinds
    text = json.dumps(rows)
    assert "website" in text and "viewer@example.com" in text and "tenant.exported" in text
    digest = (await acme.tenant.api_keys.aget()).digest
    assert "not theirs" not in text and token not in text and digest not in text


def test_a_workspace_is_deleted_by_its_name(acme):
    _, token = create_key(acme.tenant, "website")
    client = acme.at("owner")
    page = client.post(url(acme, "workspace_delete"), {"name": "acme?"})
    assert "Nothing was deleted." in page.content.decode() and recognise(token)
    assert client.post(url(acme, "workspace_delete"), {"name": "Acme"}).url == "/"
    with pytest.raises(InvalidKey):
        recognise(token)
    assert client.get(f"{acme.root}/start").status_code == 404
    acme.tenant.refresh_from_db()
    assert acme.tenant.name == "(deleted)" and not acme.tenant.memberships.exists()
