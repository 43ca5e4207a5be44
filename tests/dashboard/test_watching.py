"""Overview, requests, learning and routing: what was recorded is shown, what is asked for is found, changes can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import AuditEntry
from dashboard import traffic
from dashboard.overview import safe
from gateway.models import RequestLog
from gateway.rollups import roll_up
from learning.learn import learn
from learning.models import Feedback, TenantLearning
from routing.settings import RoutingSettings, put, settings_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(acme):
    """Two weeks of made-up traffic, summed and learned from."""
    traffic.make(acme.tenant, requests=160, days=14, until=timezone.now())
    roll_up(timezone.now() - timedelta(minutes=5))
    while learn():
        pass
    return acme


def shown(acme, name, who="viewer", **query):
    response = acme.at(who).get(reverse(name, args=[acme.slug]), query)
    assert response.status_code == 200, response
    return response.content.decode()


def test_the_overview_adds_up(busy):
    page = shown(busy, "overview", range="30d")
    assert f"{RequestLog.objects.filter(tenant=busy.tenant).count():,}" in page.replace("&nbsp;", "")
    for by in ("model", "provider", "query_type", "strategy", "api_key"):
        assert "Share of spend" in shown(busy, "overview", range="30d", by=by)
    assert "Web app" in shown(busy, "overview", range="30d", by="api_key")
    for odd in ("nonsense", "7d'--", ""):
        assert shown(busy, "overview", range=odd, by=odd)


def test_any_days_can_be_looked_at(busy):
    today = timezone.now().date()
    fortnight = {"from": str(today - timedelta(days=20)), "to": str(today)}
    page = shown(busy, "overview", **fortnight)
    assert f"{RequestLog.objects.filter(tenant=busy.tenant).count():,}" in page and f'value="{fortnight["from"]}"' in page
    assert "Nothing in this time" in shown(busy, "overview", **{"from": "2020-01-01", "to": "2020-01-02"})
    for odd in (
        {"from": "2020-01-01"},
        {"from": "x", "to": "y"},
        {"from": "2026-02-01", "to": "2026-01-01"},
        {"from": "1900-01-01", "to": "2026-01-01"},
    ):
        assert 'role="alert"' in shown(busy, "overview", **odd)


def test_the_overview_of_nothing_says_where_to_begin(acme):
    assert "Nothing in this time" in shown(acme, "overview")


def test_numbers_can_be_taken_along(busy):
    response = busy.at("viewer").get(reverse("overview", args=[busy.slug]), {"range": "30d", "by": "model", "csv": "1"})
    lines = response.content.decode().splitlines()
    assert lines[0].startswith("model,requests") and len(lines) > 3
    assert sum(int(line.split(",")[1]) for line in lines[1:]) == RequestLog.objects.count()


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@x", "\tx"])
def test_a_name_is_never_a_formula(name):
    assert safe(name).startswith("'") and safe("anthropic/claude") == "anthropic/claude"


def test_savings_are_computed_and_said_to_be(busy):
    TenantLearning.objects.filter(tenant=busy.tenant).update(baseline="anthropic/claude-opus-4-6")
    page = shown(busy, "overview", range="30d")
    assert "Computed, not measured" in page and "anthropic/claude-opus-4-6" in page
    TenantLearning.objects.filter(tenant=busy.tenant).update(held_back=0.02)
    assert "Measured" in shown(busy, "overview_measured", range="30d")


# --- requests


def test_one_finds_what_one_looks_for(busy):
    row = RequestLog.objects.filter(tenant=busy.tenant).latest("received_at")
    page = shown(busy, "requests", model=row.model, query_type=row.query_type)
    assert row.request_id in page
    assert "Nothing like that" in shown(busy, "requests", request_id="req_none")
    for odd in (
        {"status": "odd"},
        {"least_usd": "x"},
        {"day": "tomorrow"},
        {"api_key": "1"},
        {"since": "x"},
        {"fallback": "perhaps"},
    ):
        assert shown(busy, "requests", **odd)
    assert busy.at("viewer").get(reverse("requests", args=[busy.slug]), {"after": "nonsense"}).status_code == 302


def test_pages_of_requests_go_on(busy):
    seen, url = set(), reverse("requests", args=[busy.slug])
    for _ in range(10):
        page = busy.at("viewer").get(url).content.decode()
        found = {part.split('"')[0] for part in page.split('<tr id="')[1:]}
        assert not found & seen
        seen |= found
        if "Older" not in page:
            break
        url = (
            reverse("requests", args=[busy.slug]) + "?" + page.split('btn btn-sm" href="?')[1].split('"')[0].replace("&amp;", "&")
        )
    assert len(seen) == RequestLog.objects.count()


def test_one_request_says_why(busy):
    row = RequestLog.objects.filter(tenant=busy.tenant, status="ok").latest("received_at")
    page = busy.at("viewer").get(reverse("request", args=[busy.slug, row.request_id])).content.decode()
    for words in ("Why this model", "Attempts", "Cost, line by line", "Candidate", row.model):
        assert words in page
    assert "could not serve" in page


def test_every_row_can_be_opened(busy):
    client = busy.at("viewer")
    for row in RequestLog.objects.filter(tenant=busy.tenant).order_by("?")[:25]:
        assert client.get(reverse("request", args=[busy.slug, row.request_id])).status_code == 200
    RequestLog.objects.filter(tenant=busy.tenant).update(decision={"of": "old"}, attempts=[{"x": 1}], classification=None)
    row = RequestLog.objects.first()
    assert client.get(reverse("request", args=[busy.slug, row.request_id])).status_code == 200


def test_a_stranger_s_request_is_not_there(busy):
    row = RequestLog.objects.filter(tenant=busy.tenant).first()
    theirs = busy.stranger.memberships.get().tenant
    for slug in (busy.slug, theirs.slug):
        assert busy.at("stranger").get(reverse("request", args=[slug, row.request_id])).status_code == 404


def test_people_say_what_an_answer_was_worth(busy):
    row = RequestLog.objects.filter(tenant=busy.tenant, status="ok").latest("received_at")
    Feedback.objects.all().delete()
    url = reverse("request_say", args=[busy.slug, row.request_id])
    assert busy.at("viewer").post(url, {"thumb": "up"}).status_code == 403
    assert busy.at("member").post(url, {"thumb": "down", "comment": "too long"}).status_code == 302
    said = Feedback.objects.get()
    assert (said.signal, said.value, said.user_id) == ("thumb", 0.0, busy.people["member"].pk)
    busy.at("member").post(url, {})
    busy.at("member").post(url, {"thumb": "sideways"})
    assert Feedback.objects.count() == 1


def test_reading_what_was_kept_is_written_down(busy):
    row = RequestLog.objects.filter(tenant=busy.tenant).latest("received_at")
    url = reverse("request", args=[busy.slug, row.request_id])
    busy.at("member").get(url, {"contents": "1"})
    busy.at("admin").get(url)
    assert not AuditEntry.objects.filter(what="contents.read").exists()
    assert "Nothing is kept of it" in busy.at("admin").get(url, {"contents": "1"}).content.decode()


def test_requests_are_found_by_what_was_said_of_them(busy):
    good, bad, silent = RequestLog.objects.filter(tenant=busy.tenant, status="ok").order_by("-received_at")[:3]
    Feedback.objects.all().delete()
    for row, value in ((good, 1.0), (bad, 0.0)):
        Feedback.objects.create(tenant=busy.tenant, request_id=row.request_id, signal="thumb", value=value)
    found = {felt: shown(busy, "requests", feedback=felt) for felt in ("good", "bad", "any")}
    assert [good.request_id in found[felt] for felt in found] == [True, False, True]
    assert [bad.request_id in found[felt] for felt in found] == [False, True, True]
    assert not any(silent.request_id in page for page in found.values())


def test_what_is_kept_can_be_asked_again_in_the_playground(busy):
    import zlib

    import msgspec

    from accounts.envelopes import seal
    from gateway import contents
    from gateway.models import KeptContent

    row = RequestLog.objects.filter(tenant=busy.tenant).latest("received_at")
    asked = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"text": "Why </script>?"}]}]}
    busy.tenant.keep_contents_days = 30
    busy.tenant.save()
    kept = zlib.compress(msgspec.msgpack.encode((msgspec.json.encode(asked), True, b"", True)))
    sealed = seal(kept, contents.about(str(busy.tenant.pk), row.request_id))
    about = {"request_id": row.request_id, "tenant": busy.tenant, "received_at": row.received_at}
    KeptContent.objects.create(**about, sealed=sealed)
    url = reverse("playground", args=[busy.slug])
    assert "Be brief." not in busy.at("member").get(url, {"request": row.request_id}).content.decode()
    assert not AuditEntry.objects.filter(what="contents.read").exists()
    page = busy.at("admin").get(url, {"request": row.request_id}).content.decode()
    assert "Be brief." in page and "Why \\u003C/script\\u003E?" in page
    assert AuditEntry.objects.get(what="contents.read").subject == row.request_id
    assert "Be brief." not in busy.at("admin").get(url, {"request": "req_none"}).content.decode()


# --- learning


def test_what_is_learned_is_shown_and_steered(busy):
    assert "What is believed" in shown(busy, "learning")
    wishes = {
        "learns": "on",
        "explores": "5",
        "held_back": "2",
        "baseline": "openai/gpt-4o",
        "judge_share": "1",
        "judge_usd_per_day": "1",
    }
    url = reverse("learning_wish", args=[busy.slug])
    assert busy.at("member").post(url, wishes).status_code == 403
    assert busy.at("admin").post(url, wishes).status_code == 302
    state = TenantLearning.objects.get(tenant=busy.tenant)
    assert (state.explores, state.held_back, state.baseline, state.gives) == (0.05, 0.02, "openai/gpt-4o", False)
    assert AuditEntry.objects.filter(what="learning.changed").exists()
    assert "is not one of the available choices" in busy.at("admin").post(url, {**wishes, "baseline": "x"}).content.decode()


def test_versions_are_pinned_let_go_and_gone_back_to(busy):
    admin = busy.at("admin")
    for name in ("learning_pin", "learning_let_go", "learning_back"):
        assert admin.post(reverse(name, args=[busy.slug, 1])).status_code == 302
        assert admin.post(reverse(name, args=[busy.slug, 999])).status_code == 302
    assert AuditEntry.objects.filter(what__startswith="learning.").count() >= 3


def test_forgetting_needs_a_word(busy):
    url = reverse("learning_forget", args=[busy.slug])
    busy.at("admin").post(url, {})
    assert Feedback.objects.exists()
    busy.at("admin").post(url, {"sure": "forget"})
    assert not Feedback.objects.exists()
    assert "Nothing yet" in shown(busy, "learning")


# --- routing


FORM = {"strategy": "cost", "tradeoff": "", "premium": "on", "draws": "on"}


def test_routing_is_changed_and_every_change_can_be_undone(busy):
    admin, save = busy.at("admin"), reverse("routing_save", args=[busy.slug])
    before = settings_of(busy.tenant)
    assert busy.at("member").post(save, FORM).status_code == 403
    assert (
        admin.post(save, {**FORM, "deny": "openai", "max_output_usd_per_mtok": "12.5", "max_fallbacks": "0"}).status_code == 302
    )
    busy.tenant.refresh_from_db()
    changed = settings_of(busy.tenant)
    assert (changed.strategy, list(changed.deny), changed.max_output_usd_per_mtok) == ("cost", ["openai"], 12.5)
    entry = AuditEntry.objects.get(what="routing.changed")
    assert changed.max_fallbacks == 0 and "Deny" in shown(busy, "routing")
    assert admin.post(reverse("routing_undo", args=[busy.slug, entry.pk])).status_code == 302
    busy.tenant.refresh_from_db()
    assert settings_of(busy.tenant) == before
    assert admin.post(reverse("routing_undo", args=[busy.slug, 999_999])).status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"deny": "nobody"}, {"tradeoff": "11"}, {"strategy": "nonsense"}, {"max_input_usd_per_mtok": "-1"}]
)
def test_routing_that_cannot_be_is_told_so(busy, wrong):
    page = busy.at("admin").post(reverse("routing_save", args=[busy.slug]), {**FORM, **wrong})
    assert page.status_code == 200 and 'role="alert"' in page.content.decode()
    assert not AuditEntry.objects.filter(what="routing.changed").exists()


def test_what_if_says_what_last_week_would_have_been(busy):
    page = shown(busy, "routing_what_if", **FORM)
    assert "Last week, under cost" in page and "instead of" in page
    assert settings_of(busy.tenant).strategy == ""
    assert "neither a provider nor a model" in shown(busy, "routing_what_if", **{**FORM, "deny": "nobody"})


def test_what_if_of_nothing(acme):
    assert "no request last week" in shown(acme, "routing_what_if", **FORM)


def test_strategies_of_one_s_own(busy):
    admin, save = busy.at("admin"), reverse("strategy_save", args=[busy.slug])
    assert admin.post(save, {"name": "ours", "cost": "0.1", "latency": "0", "keeps": "0.9"}).status_code == 302
    assert busy.tenant.strategies.get().parts == {"cost": 0.1, "latency": 0.0, "keeps": 0.9}
    assert admin.post(save, {"name": "cost", "cost": "0.1", "latency": "0", "keeps": "0"}).status_code == 200
    put(busy.tenant, RoutingSettings(strategy="ours"))
    admin.post(reverse("strategy_remove", args=[busy.slug, "ours"]))
    assert busy.tenant.strategies.exists(), "it is the default"
    put(busy.tenant, RoutingSettings())
    admin.post(reverse("strategy_remove", args=[busy.slug, "ours"]))
    assert not busy.tenant.strategies.exists()
    assert admin.post(reverse("strategy_remove", args=[busy.slug, "ours"])).status_code == 404


def test_the_command_makes_up_a_tenant_s_traffic(db):
    call_command("demo_traffic", tenant="Lively", requests=40, days=3)
    assert RequestLog.objects.filter(tenant__name="Lively").count() >= 25


def test_traffic_is_the_same_for_the_same_seed(acme):
    create_key(acme.tenant, "Web app")
    now = timezone.now()
    made = []
    for _ in range(2):
        RequestLog.objects.all().delete()
        traffic.make(acme.tenant, requests=20, days=2, until=now, seed=3)
        made.append(list(RequestLog.objects.order_by("received_at", "pk").values_list("model", "output_tokens", "received_at")))
    assert made[0] == made[1]
