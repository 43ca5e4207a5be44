"""API keys on their pages: made and shown once, bounded, rotated, revoked."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.keys import create_key, recognise
from accounts.models import ApiKey
from accounts.refusals import InvalidKey

pytestmark = pytest.mark.django_db


def url(acme, name, *args):
    return reverse(name, args=[acme.slug, *args])


def token_in(page):
    return re.search(r'id="token">(rp_\w+)<', page.content.decode())[1]


FORM = {"name": "website", "scope": "all", "budget_period": "month"}


def test_a_new_key_is_shown_once_and_works(acme):
    client = acme.at("member")
    page = client.post(url(acme, "key_make"), FORM)
    token = token_in(page)
    assert recognise(token).tenant_id == str(acme.tenant.pk)
    assert "no-store" in page.headers["Cache-Control"]
    row = ApiKey.objects.get(name="website")
    assert row.created_by == acme.people["member"]
    for path in (url(acme, "keys"), url(acme, "key", row.pk), f"{acme.root}/audit"):
        assert token not in acme.at("admin").get(path).content.decode()


def test_it_is_bounded_as_it_was_said(acme):
    tomorrow = (timezone.now() + timedelta(days=1)).date()
    said = {
        **FORM, "scope": "chat", "default_strategy": "cost", "allowed_models": ["openai/gpt-5", "openai/gpt-5.4"],
        "expires": tomorrow.isoformat(), "requests_per_minute": "60", "running": "5", "budget": "12.5", "budget_period": "day",
    }  # fmt: skip
    token = token_in(acme.at("admin").post(url(acme, "key_make"), said))
    caller = recognise(token)
    assert (caller.scope, caller.strategy, caller.allowed_models) == ("chat", "cost", {"openai/gpt-5", "openai/gpt-5.4"})
    assert (caller.limits[0].requests_per_minute, caller.limits[0].running) == (60, 5)
    assert (caller.budgets[0].period, caller.budgets[0].size) == ("day", 12_500_000_000_000)
    assert ApiKey.objects.get().expires_at == datetime(*tomorrow.timetuple()[:3], 23, 59, 59, tzinfo=UTC)
    page = acme.at("admin").get(url(acme, "key", ApiKey.objects.get().pk)).content.decode()
    assert 'value="12.5"' in page and 'value="60"' in page


def test_a_member_sets_no_budget(acme):
    acme.at("member").post(url(acme, "key_make"), {**FORM, "budget": "1000", "requests_per_minute": "9"})
    key = ApiKey.objects.get()
    assert not key.budgets.exists() and not key.limits.exists()


def test_what_is_wrong_is_said_beside_its_field(acme):
    page = acme.at("admin").post(url(acme, "key_make"), {**FORM, "name": "", "expires": "2020-01-01", "budget": "-1"})
    assert "This day is over." in page.content.decode() and not ApiKey.objects.exists()


def test_a_test_key(acme):
    token = token_in(acme.at("member").post(url(acme, "key_make"), {**FORM, "test": "on"}))
    assert token.startswith("rp_test_") and recognise(token).test


def test_changes_are_saved_and_told(acme):
    key, token = create_key(acme.tenant, "old name")
    acme.at("admin").post(url(acme, "key_change", key.pk), {**FORM, "budget": "20"})
    assert recognise(token).budgets[0].size == 20 * 10**12
    acme.at("admin").post(url(acme, "key_change", key.pk), {**FORM, "budget": "30"})
    key.refresh_from_db()
    assert key.name == "website" and key.budgets.get(ended_at=None).amount == Decimal(30)
    acme.at("admin").post(url(acme, "key_change", key.pk), FORM)
    assert recognise(token).budgets == ()
    first = acme.tenant.audit_entries.order_by("id").first()
    assert first.what == "key.changed" and first.details["name"] == {"from": "old name", "to": "website"}


def test_a_key_has_a_slider_of_its_own(acme):
    from routing.settings import RoutingSettings, put

    put(acme.tenant, RoutingSettings(tradeoff=2.0))
    key, token = create_key(acme.tenant, "website")
    assert recognise(token).tradeoff == 2.0
    acme.at("admin").post(url(acme, "key_change", key.pk), {**FORM, "tradeoff": "0"})
    assert recognise(token).tradeoff == 0.0
    acme.at("admin").post(url(acme, "key_change", key.pk), FORM)
    assert recognise(token).tradeoff == 2.0


def test_rotation_shows_the_new_key_and_keeps_the_old_one_for_a_while(acme):
    key, old = create_key(acme.tenant, "website")
    new = token_in(acme.at("admin").post(url(acme, "key_rotate", key.pk), {"overlap": "24"}))
    assert recognise(new).key_id == recognise(old).key_id
    assert old[:12] in acme.at("admin").get(url(acme, "key", key.pk)).content.decode()


def test_a_revoked_key_opens_nothing_and_is_not_rotated(acme):
    key, token = create_key(acme.tenant, "website")
    acme.at("admin").post(url(acme, "key_revoke", key.pk))
    with pytest.raises(InvalidKey):
        recognise(token)
    acme.at("admin").post(url(acme, "key_rotate", key.pk), {"overlap": "24"})
    key.refresh_from_db()
    assert key.prefix == token[:16]


def test_the_first_steps_have_the_key_in_them(acme):
    page = acme.at("member").post(url(acme, "start_key"))
    text = page.content.decode().replace("&quot;", '"')
    token = token_in(page)
    assert text.count(token) > 5 and 'client = openai.OpenAI(base_url="http://' in text
    assert "Waiting for your first request" in text and 'hx-trigger="every 2s"' in text


def test_the_first_steps_wait_until_a_request_comes(acme):
    from gateway.models import RequestLog

    key, _ = create_key(acme.tenant, "website")
    part = acme.at("viewer").get(url(acme, "start_first"))
    assert b"Waiting" in part.content and b"<html" not in part.content
    RequestLog.objects.create(
        request_id="req_1", tenant=acme.tenant, api_key=key, received_at=timezone.now(), status="ok", http_status=200,
        requested_model="routeplex-ai", model="openai/gpt-5", cost_usd=Decimal("0.00012"),
    )  # fmt: skip
    part = acme.at("viewer").get(url(acme, "start_first")).content.decode()
    assert "openai/gpt-5" in part and "$0.000120" in part and "hx-trigger" not in part
