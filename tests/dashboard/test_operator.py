"""The operator's pages: for staff only, and what is set there is written down."""

from __future__ import annotations

import re
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts import impersonation, switches
from accounts.credentials import endpoint, forget_all, platform_about
from accounts.envelopes import unseal
from accounts.models import Announcement, AuditEntry, OperatorEntry, Plan, PlatformCredential
from dashboard.operator.pages import PAGES
from gateway import operating
from routing import overrides, snapshot
from tests import upstream as scripted

pytestmark = pytest.mark.django_db

MODEL = "openai/gpt-4o"
ARGS = {
    "operator_tenant": "slug",
    "operator_model": MODEL,
    "operator_model_reset": MODEL,
    "operator_provider_remove": "openai",
    "operator_switch": "learning",
    "operator_announcement_end": 1,
}
READ = ("operator_tenant", "operator_health_now", "operator_model", "operator_work_now")


@pytest.fixture
def staff(acme, settings):
    """Olga, who is in no workspace."""
    from accounts.tenants import vouch_for
    from tests.factories import UserFactory

    person = UserFactory(email="olga@example.com", is_staff=True, is_superuser=True)
    vouch_for(person)
    client = Client(headers={"user-agent": "a test"})
    client.force_login(person, "allauth.account.auth_backends.AuthenticationBackend")
    settings.PROVIDERS_FILE = "/nowhere"
    snapshot.forget_catalog()
    overrides.forget_all()
    yield SimpleNamespace(client=client, person=person, acme=acme)
    switches.forget_all()
    snapshot.forget_catalog()
    overrides.forget_all()
    forget_all()


def routes(acme):
    for page in PAGES:
        yield reverse(page.name), "get"
        for step in page.steps:
            arg = (
                acme.slug
                if step.name.startswith(("operator_tenant", "operator_visit", "operator_leave"))
                else ARGS.get(step.name)
            )
            yield reverse(step.name, args=[] if arg is None else [arg]), "get" if step.name in READ else "post"


def post(staff, name, *args, **data):
    answer = staff.client.post(reverse(name, args=args), data)
    assert answer.status_code == 302, answer.content.decode()
    return answer


def page(staff, name, *args):
    answer = staff.client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_for_everybody_else_there_are_no_such_pages(acme, client):
    for url, method in routes(acme):
        for who in ("owner", "viewer", "stranger"):
            assert getattr(acme.at(who), method)(url).status_code == 404, url
        answer = getattr(client, method)(url)
        assert answer.status_code == 302 and answer.url.startswith("/sign-in?next="), url
    assert "operator" not in acme.at("owner").get(f"{acme.root}/start").content.decode().lower().replace("operators'", "")
    assert not OperatorEntry.objects.exists()


def test_staff_open_every_page_and_what_changes_something_is_no_link(staff):
    for url, method in routes(staff.acme):
        if method == "get":
            assert staff.client.get(url).status_code == 200, url
        else:
            assert staff.client.get(url).status_code == 405, url


def test_the_rows_are_behind_the_same_door(staff, client, acme):
    assert urlsplit(client.get("/admin/").url).path in ("/admin/login/", "/sign-in")
    assert acme.at("owner").get("/admin/", follow=True).redirect_chain[-1][0] != "/admin/"
    answer = staff.client.get("/admin/")
    assert answer.status_code == 200
    assert "unsafe-eval" in answer["Content-Security-Policy"]
    assert "unsafe" not in staff.client.get("/operator")["Content-Security-Policy"]


@pytest.mark.parametrize(
    "table", ["tenant", "user", "apikey", "credential", "auditentry", "operatorentry", "plan", "announcement"]
)
def test_each_table_opens(staff, table):
    assert staff.client.get(f"/admin/accounts/{table}/").status_code == 200


def test_a_model_is_changed_and_put_back(staff):
    before = snapshot.catalog()
    post(staff, "operator_model", MODEL, quality="0.9", tier="premium", input="3", output="12.5")
    model = snapshot.catalog().models[MODEL]
    assert (model.quality, model.tier, model.prices[-1].rates.output) == (0.9, "premium", 12_500_000)
    assert (
        len(model.prices) == len(before.models[MODEL].prices) + 1
        and model.services.keys() == before.models[MODEL].services.keys()
    )
    assert snapshot.catalog().version != before.version and snapshot.catalog_of(snapshot.catalog().version) is not None
    assert "12.5" in page(staff, "operator_model", MODEL) and "changed" in page(staff, "operator_models")
    post(staff, "operator_model_reset", MODEL)
    assert snapshot.catalog().models[MODEL].quality == before.models[MODEL].quality
    assert snapshot.catalog().version == before.version
    assert list(OperatorEntry.objects.values_list("what", flat=True)) == ["catalog.changed"] * 2


@pytest.mark.parametrize(
    "said",
    [{"input": "1"}, {"input": "cheap", "output": "1"}, {"input": "1", "output": "2", "starts": "2020-01-01"}, {"quality": "2"}],
)
def test_a_change_that_cannot_be_is_told_at_its_field(staff, said):
    answer = staff.client.post(reverse("operator_model", args=[MODEL]), {"quality": "0.5", "tier": "default", **said})
    assert answer.status_code == 200 and 'role="alert"' in answer.content.decode()
    assert not overrides.stored()


def test_a_change_that_fits_no_release_any_more_is_left_out(staff):
    from routing.models import CatalogOverride

    CatalogOverride.objects.create(target="openai/gone", values={"quality": 0.9})
    CatalogOverride.objects.create(target=MODEL, values={"quality": 0.9})
    operating.refresh()
    assert snapshot.catalog().models[MODEL].quality == 0.9


def test_the_platform_s_key_is_sealed_used_and_deleted(staff, openai_is_here):
    facts, secret = snapshot.catalog().providers["openai"], "sk-the-platform-s"
    openai_is_here.say("openai", scripted.whole({"error": {"message": "no"}}, 401))
    answer = staff.client.post(reverse("operator_provider_save"), {"provider": "openai", "secret": "sk-wrong"})
    assert "The provider refuses this key" in answer.content.decode() and not PlatformCredential.objects.exists()
    openai_is_here.say("openai", scripted.whole({"object": "list", "data": []}))
    post(staff, "operator_provider_save", provider="openai", secret=secret)
    row = PlatformCredential.objects.get()
    assert row.checked_at and secret.encode() not in bytes(row.sealed_secret)
    assert unseal(bytes(row.sealed_secret), platform_about(row)).decode() == secret == endpoint(facts, test=False).secret
    assert secret not in page(staff, "operator_providers")
    post(staff, "operator_provider_remove", "openai")
    after = endpoint(facts, test=False)
    assert after is None or after.secret != secret
    assert secret not in str(list(OperatorEntry.objects.values()))


def test_a_part_is_switched_off_and_on(staff, acme, settings):
    settings.SIGN_UP = "open"
    post(staff, "operator_switch", "sign_up", on="0")
    assert not switches.is_on("sign_up") and b"sign-up" not in Client().get("/").content
    post(staff, "operator_switch", "sign_up", on="1")
    assert switches.is_on("sign_up")
    assert staff.client.post(reverse("operator_switch", args=["nothing"])).status_code == 404
    assert [entry.subject for entry in OperatorEntry.objects.order_by("pk")] == ["sign_up off", "sign_up on"]


def test_learning_waits_while_it_is_off(staff):
    from django.utils import timezone

    from dashboard import traffic
    from gateway.models import RequestLog
    from learning.tasks import learn

    traffic.make(staff.acme.tenant, requests=20, days=2, until=timezone.now())
    switches.turn("learning", on=False)
    learn()
    waiting = RequestLog.objects.filter(learned=False).count()
    switches.turn("learning", on=True)
    learn()
    assert waiting > 0 and not RequestLog.objects.filter(learned=False).exists()


def test_everybody_is_told_until_it_is_ended(staff, acme):
    post(staff, "operator_announce", text="We move on <Sunday>.", tone="warning")
    assert "We move on &lt;Sunday&gt;." in acme.at("viewer").get(f"{acme.root}/start").content.decode()
    assert "Sunday" not in Client().get("/").content.decode()
    post(staff, "operator_announcement_end", Announcement.objects.get().pk)
    assert "Sunday" not in acme.at("viewer").get(f"{acme.root}/start").content.decode()


def test_a_plan_brings_its_budget_and_markup(staff, acme):
    plan = Plan.objects.create(name="team", markup_percent=20, month_usd=50)
    post(staff, "operator_tenant_plan", acme.slug, plan=plan.pk, markup_percent="")
    acme.tenant.refresh_from_db()
    assert acme.tenant.plan == plan and acme.tenant.budgets.get(ended_at=None).amount == 50
    assert "team" in page(staff, "operator_tenants")
    assert acme.slug in page(staff, "operator_tenants")


def test_who_is_shut_out_is_let_in_again(staff, acme):
    post(staff, "operator_tenant_shut", acme.slug)
    assert acme.at("owner").get(f"{acme.root}/start").status_code == 404
    post(staff, "operator_tenant_shut", acme.slug)
    assert acme.at("owner").get(f"{acme.root}/start").status_code == 200


# --- visits


def visit(staff, role):
    return post(staff, "operator_visit", staff.acme.slug, role=role, reason="You asked about a bill.")


def test_a_visit_is_told_on_both_sides_and_on_the_page(staff, acme):
    assert staff.client.get(f"{acme.root}/start").status_code == 404
    visit(staff, "viewer")
    shown = staff.client.get(f"{acme.root}/requests").content.decode()
    assert "You are here as the operator" in shown
    entry = AuditEntry.objects.get(tenant=acme.tenant)
    assert (entry.what, entry.subject, entry.who) == ("operator.came", "You asked about a bill.", "olga@example.com (operator)")
    assert OperatorEntry.objects.get().what == "tenant.entered"
    assert "came in as the operator" in acme.at("owner").get(f"{acme.root}/audit").content.decode()
    post(staff, "operator_leave", acme.slug)
    assert staff.client.get(f"{acme.root}/requests").status_code == 404
    assert AuditEntry.objects.filter(tenant=acme.tenant, what="operator.left").exists()


def test_who_looks_changes_nothing_and_who_helps_is_named(staff, acme):
    visit(staff, "viewer")
    assert staff.client.post(reverse("key_make", args=[acme.slug]), {"name": "x", "scope": "all"}).status_code == 403
    visit(staff, "admin")
    answer = staff.client.post(reverse("routing_save", args=[acme.slug]), {"strategy": "cost", "premium": "on", "draws": "on"})
    assert answer.status_code in (200, 302)
    entry = AuditEntry.objects.filter(tenant=acme.tenant, what="routing.changed").get()
    assert entry.who == "olga@example.com (operator)"
    assert staff.client.get(reverse("workspace", args=[acme.slug])).status_code == 403  # an owner's


def test_a_visit_ends_by_itself_and_with_the_office(staff, acme, monkeypatch):
    visit(staff, "admin")
    now = impersonation.time.time()
    monkeypatch.setattr(impersonation.time, "time", lambda: now + impersonation.LASTS_S + 1)
    assert staff.client.get(f"{acme.root}/requests").status_code == 404
    monkeypatch.undo()
    assert staff.client.get(f"{acme.root}/requests").status_code == 200
    staff.person.is_staff = False
    staff.person.save()
    assert staff.client.get(f"{acme.root}/requests").status_code == 404


def test_a_visit_to_one_opens_no_other(staff, acme):
    visit(staff, "admin")
    other = acme.stranger.memberships.get().tenant.slug
    assert staff.client.get(f"/t/{other}/requests").status_code == 404


def test_what_operators_did_is_never_changed(staff):
    from django.db import DatabaseError, transaction

    post(staff, "operator_switch", "judging", on="0")
    entry = OperatorEntry.objects.get()
    entry.who = "nobody"
    with pytest.raises(DatabaseError), transaction.atomic():
        entry.save()


def test_numbers_of_all_tenants_are_added_up(staff, acme):
    from datetime import timedelta

    from django.utils import timezone

    from dashboard import traffic
    from gateway import platform, usage
    from gateway.rollups import roll_up

    other = acme.stranger.memberships.get().tenant
    for tenant in (acme.tenant, other):
        traffic.make(tenant, requests=30, days=1, until=timezone.now())
    roll_up(timezone.now() - timedelta(minutes=5))
    until = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = until - timedelta(days=7)
    each = [usage.totals(tenant, since, until) for tenant in (acme.tenant, other)]
    whole = platform.traffic(since, until)
    assert whole.requests == sum(one.requests for one in each) == sum(t.requests for _, t in platform.by_hour(since, until))
    assert float(whole.cost_usd) == pytest.approx(float(sum(one.cost_usd for one in each)))
    acme.tenant.markup_percent = 50
    acme.tenant.save()
    found = {one.tenant.pk: one for one in platform.by_tenant(since, until)}
    assert float(found[acme.tenant.pk].charged_usd) == pytest.approx(1.5 * float(each[0].cost_usd))
    shown = page(staff, "operator") + page(staff, "operator_tenants")
    assert "Acme" in shown and re.search(r"Charlie", shown)
