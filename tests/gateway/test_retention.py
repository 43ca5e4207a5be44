"""What is over is deleted, nothing else is, and the books still add up."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import ApiKey, Budget, Limit, Membership, Message, Tenant, Webhook
from gateway import retention
from gateway.models import Horizon, IdempotentAnswer, KeptContent, LedgerEntry, RequestLog, Rollup
from gateway.reconcile import differences
from gateway.retention import delete_expired, forget_tenant
from gateway.rollups import rebuild, roll_up
from gateway.tasks import delete_expired as task
from tests.factories import TenantFactory
from tests.gateway.test_ledger import enter, row

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def tenants():
    """Acme keeps requests for 30 days and contents for 7; the other tenant has what everybody has."""
    acme = TenantFactory(name="Acme", keep_requests_days=30, keep_contents_days=7, time_zone="Asia/Kathmandu")
    other = TenantFactory(name="Other")
    return acme, other


def requests(tenant, *ages_days, now=NOW):
    key = tenant.api_keys.first() or create_key(tenant, "k")[0]
    rows = [
        row(tenant.pk, key.pk, f"req_{tenant.pk.hex[-6:]}_{n}", at=now - timedelta(days=age)) for n, age in enumerate(ages_days)
    ]
    enter(rows)


def contents(tenant, *ages_days, now=NOW):
    KeptContent.objects.bulk_create(
        KeptContent(request_id=f"req_{tenant.pk.hex[-6:]}_{n}", tenant=tenant, received_at=now - timedelta(days=age), sealed=b"x")
        for n, age in enumerate(ages_days)
    )


def ages(model, tenant, now=NOW):
    return sorted(
        (now - at).total_seconds() / 86400 for at in model.objects.filter(tenant=tenant).values_list("received_at", flat=True)
    )


def test_requests_go_when_their_tenant_s_days_are_over(tenants):
    acme, other = tenants
    for tenant in tenants:
        requests(tenant, 0, 29, 32, 399, 402)
    assert delete_expired(NOW) == 4
    assert ages(RequestLog, acme) == [0, 29]
    assert ages(RequestLog, other) == [0, 29, 32, 399]
    assert LedgerEntry.objects.count() == 10, "the ledger stays"


def test_whole_days_go_where_the_tenant_lives(tenants):
    acme, _ = tenants
    midnight = datetime(2026, 5, 16, tzinfo=ZoneInfo("Asia/Kathmandu"))
    key = create_key(acme, "k")[0]
    enter([row(acme.pk, key.pk, "req_a", at=midnight), row(acme.pk, key.pk, "req_b", at=midnight - timedelta(seconds=1))])
    delete_expired(NOW)
    assert list(RequestLog.objects.values_list("request_id", flat=True)) == ["req_a"]
    assert Horizon.objects.get(tenant=acme).requests_since == midnight


def test_contents_go_when_their_tenant_s_days_are_over_or_it_wants_none(tenants):
    acme, other = tenants
    contents(acme, 0, 6.9, 7.1, 100)
    contents(other, 0, 1)
    assert delete_expired(NOW) == 4
    assert ages(KeptContent, acme) == [0, pytest.approx(6.9)]
    assert ages(KeptContent, other) == []


def test_idempotent_answers_go_after_their_day(tenants):
    acme, _ = tenants
    key = create_key(acme, "k")[0]
    for number, hours in enumerate((-1, 1)):
        IdempotentAnswer.objects.create(
            tenant=acme, api_key=key, name=str(number), fingerprint="", request_id="r",
            beaten_at=timezone.now(), expires_at=timezone.now() + timedelta(hours=hours),
        )  # fmt: skip
    task()
    assert list(IdempotentAnswer.objects.values_list("name", flat=True)) == ["1"]


def test_a_tenant_that_lives_nowhere_does_not_stop_the_others(tenants):
    TenantFactory(time_zone="Mars/Olympus_Mons")
    requests(tenants[0], 100)
    assert delete_expired(NOW) == 1


def test_it_goes_on_where_it_was_stopped(tenants, monkeypatch):
    acme, _ = tenants
    monkeypatch.setattr(retention, "BATCH", 10)
    requests(acme, *[50 + n / 1000 for n in range(35)], 1)
    assert retention.in_batches(RequestLog.objects.filter(tenant=acme), until=time.monotonic() - 1) == 0
    oldest = RequestLog.objects.filter(received_at__lt=NOW - timedelta(days=30)).order_by("received_at")
    monkeypatch.setattr(retention, "PAUSE_S", 1.0)
    assert retention.in_batches(oldest, until=time.monotonic() + 0.5) == 10, "one batch, then the time is over"
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    assert delete_expired(NOW) == 25
    assert ages(RequestLog, acme) == [1]


def test_sums_stay_when_their_requests_go_and_everything_adds_up(tenants):
    acme, _ = tenants
    for tenant in tenants:
        requests(tenant, 0, 10, 29, 32, 100, 402)
    roll_up(since=NOW - timedelta(days=4000))
    before = _rollups()
    assert list(differences()) == []
    delete_expired(NOW)
    assert _rollups() == before
    assert list(differences()) == []
    rebuild()
    assert _rollups() == before
    acme.keep_requests_days = 3000  # what is gone does not come back by wishing for it
    acme.save()
    delete_expired(NOW)
    rebuild()
    assert _rollups() == before
    assert list(differences()) == []
    Rollup.objects.filter(starts_at__gte=NOW - timedelta(days=20)).update(cost_usd=0)
    rebuild()
    assert _rollups() == before, "what can be summed anew is"


def _rollups():
    names = ("period", "starts_at", "tenant_id", "requests", "cost_usd", "input_tokens")
    return set(Rollup.objects.values_list(*names))


def test_a_tenant_that_leaves_leaves_its_books_only(acme):
    theirs = TenantFactory(name="Theirs", keep_contents_days=7)
    requests(acme.tenant, 0, 1)
    requests(theirs, 0)
    contents(acme.tenant, 0)
    contents(theirs, 0)
    Limit.objects.create(tenant=acme.tenant, requests_per_minute=1)
    Webhook.objects.create(tenant=acme.tenant, url="https://example.com", sealed_secret=b"x")
    Message.objects.create(tenant=acme.tenant, to="alice@example.com", payload={})
    Budget.objects.create(tenant=acme.tenant, period="day", amount=1)
    roll_up(since=NOW - timedelta(days=10))
    call_command("forget_tenant", str(acme.tenant.pk))
    assert [RequestLog.objects.filter(tenant=t).count() for t in (acme.tenant, theirs)] == [0, 1]
    assert [KeptContent.objects.filter(tenant=t).count() for t in (acme.tenant, theirs)] == [0, 1]
    assert not Membership.objects.filter(tenant=acme.tenant).exists() and not Limit.objects.exists()
    assert not Webhook.objects.exists() and not Message.objects.exists()
    assert Budget.objects.get().ended_at is not None
    assert LedgerEntry.objects.filter(tenant=acme.tenant).count() == 2
    left = Tenant.objects.get(pk=acme.tenant.pk)
    assert (left.name, left.is_active) == ("(deleted)", False)
    assert all(key.revoked_at and key.name == "(deleted)" for key in ApiKey.objects.filter(tenant=left))
    assert list(differences()) == []
    assert forget_tenant(left.pk), "twice does no harm"
    with pytest.raises(CommandError):
        call_command("forget_tenant", "nobody")
