"""What can be managed, from beginning to end, as a script does it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import ApiKey, Budget, Tenant
from gateway.models import RequestLog
from gateway.rollups import rebuild
from learning.models import Feedback
from routing.settings import settings_of


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def problem(answer, status, param=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    told = answer.json()
    assert (told["status"], told["success"], told["error"]["message"]) == (status, False, told["detail"])
    if param is not None:
        assert told["param"] == param, told
    return told["detail"]


def test_a_key_from_beginning_to_end(owner, server):
    import httpx

    def opens(key):
        return httpx.get(f"{server}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 200

    body = {"name": "ci", "scope": "all", "allowed_models": ["openai/gpt-4o-mini"], "tradeoff": 3, "default_strategy": "cost"}
    made = data(owner.post("/keys", json=body), 201)
    assert opens(made["key"]) and made["prefix"] == made["key"][:16]
    path = f"/keys/{made['id']}"
    assert "key" not in data(owner.get(path))
    changed = data(owner.patch(path, json={"tradeoff": None, "name": "ci 2"}))
    assert (changed["tradeoff"], changed["name"], changed["default_strategy"]) == (None, "ci 2", "cost"), "the rest stays"
    rotated = data(owner.post(f"{path}/rotate", json={"overlap_hours": 1}), 201)
    assert rotated["key"] != made["key"] and opens(rotated["key"]) and opens(made["key"])
    assert data(owner.delete(path))["revoked_at"]
    assert data(owner.delete(path))["revoked_at"], "twice is once"
    problem(owner.patch(path, json={"name": "x"}), 409)
    problem(owner.post(f"{path}/rotate", json={}), 409)
    whats = [entry["what"] for entry in data(owner.get("/audit"))]
    assert whats[:4] == ["key.revoked", "key.rotated", "key.changed", "key.created"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "x", "scope": "god"}, "scope"),
        ({"name": "x", "tradeoff": 11}, "tradeoff"),
        ({"name": "x", "default_strategy": "none-such"}, "default_strategy"),
        ({"name": "x", "allowed_models": ["none/such"]}, "allowed_models"),
        ({"name": "x", "allowed_models": ["openai"]}, "allowed_models"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "colour": "red"}, None),
    ],
)
def test_bad_keys_are_told_where(owner, body, param):
    problem(owner.post("/keys", json=body), 400, param)
    assert ApiKey.objects.filter(name="x").count() == 0


def test_made_once_however_often_it_is_asked_for(owner, as_role):
    headers = {"idempotency-key": "one"}
    first = owner.post("/keys", json={"name": "x"}, headers=headers)
    again = owner.post("/keys", json={"name": "x"}, headers=headers)
    assert data(first, 201) == data(again, 201) and again.headers["idempotency-replayed"] == "true"
    assert ApiKey.objects.filter(name="x").count() == 1
    problem(owner.post("/keys", json={"name": "y"}, headers=headers), 422, "Idempotency-Key")
    problem(owner.post("/keys", json={"name": "x"}, headers={"idempotency-key": "k" * 256}), 400, "Idempotency-Key")
    data(as_role("admin").post("/keys", json={"name": "x"}, headers=headers), 201)
    assert ApiKey.objects.filter(name="x").count() == 2, "another key's Idempotency-Key is another one"
    problem(owner.post("/keys", json={"name": "bad", "tradeoff": 99}, headers={"idempotency-key": "two"}), 400)
    data(owner.post("/keys", json={"name": "good"}, headers={"idempotency-key": "two"}), 201)


def test_nobody_writes_over_what_they_have_not_seen(owner):
    tag = owner.get("/routing").headers["etag"]
    assert owner.get("/routing", headers={"if-none-match": tag}).status_code == 304
    changed = owner.patch("/routing", json={"strategy": "cost"}, headers={"if-match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag
    problem(owner.patch("/routing", json={"strategy": "speed"}, headers={"if-match": tag}), 412, "If-Match")
    assert data(owner.get("/routing"))["strategy"] == "cost"
    assert data(owner.patch("/routing", json={"strategy": "speed"}, headers={"if-match": changed.headers["etag"]}))
    data(owner.patch("/routing", json={"strategy": "auto"}, headers={"if-match": "*"}))


def test_a_key_that_is_used_has_not_been_edited(owner, people):
    path = f"/keys/{people.row.pk}"
    before = owner.get(path)
    ApiKey.objects.filter(pk=people.row.pk).update(last_used_at=timezone.now())
    assert owner.get(path, headers={"if-none-match": before.headers["etag"]}).status_code == 200, "something is new"
    changed = owner.patch(path, json={"name": "renamed"}, headers={"if-match": before.headers["etag"]})
    assert data(changed)["name"] == "renamed"
    problem(owner.patch(path, json={"name": "again"}, headers={"if-match": before.headers["etag"]}), 412)
    several = f'"nonsense", {changed.headers["etag"]}'
    assert data(owner.patch(path, json={"name": "again"}, headers={"if-match": several}))["name"] == "again"


def test_routing_and_the_way_back(owner, people):
    body = {"allow": ["openai", "alpha/alpha-1"], "max_input_usd_per_mtok": 3.5, "regions": ["eu"], "tradeoff": 2}
    told = data(owner.patch("/routing", json=body))
    assert told["allow"] == body["allow"] and told["max_input_usd_per_mtok"] == 3.5 and told["premium"] is True
    assert settings_of(people.tenant).tradeoff == 2
    problem(owner.patch("/routing", json={"deny": ["nobody"]}), 400, "deny")
    problem(owner.patch("/routing", json={"strategy": "none-such"}), 400, "strategy")
    [change] = data(owner.get("/routing/changes"))
    assert change["before"]["allow"] == [] and change["who"].startswith("alice@")
    assert data(owner.post(f"/routing/changes/{change['id']}/undo"))["allow"] == []


def test_strategies_of_one_s_own(owner):
    assert {one["name"] for one in data(owner.get("/strategies"))} == {"auto", "quality", "cost", "speed", "balanced"}
    assert data(owner.put("/strategies/frugal", json={"cost": 0.2, "keeps": 0.9}))["parts"] == {"cost": 0.2, "keeps": 0.9}
    problem(owner.put("/strategies/quality", json={}), 400, "name")
    problem(owner.put("/strategies/frugal", json={"cost": 11}), 400, "cost")
    problem(owner.put("/strategies/frugal", json={"rules": {"deny": ["nobody"]}}), 400, "rules")
    data(owner.patch("/routing", json={"strategy": "frugal"}))
    problem(owner.delete("/strategies/frugal"), 409)
    data(owner.patch("/routing", json={"strategy": "auto"}))
    assert owner.delete("/strategies/frugal").status_code == 204
    problem(owner.get("/strategies/frugal"), 404)


def test_budgets_and_limits(owner, people):
    made = data(owner.post("/budgets", json={"amount": "12.5", "api_key": str(people.row.pk), "alert_shares": [90, 50]}), 201)
    assert (made["amount"], made["spent"], made["alert_shares"]) == ("12.5", "0", [50, 90])
    again = owner.post("/budgets", json={"amount": 1, "api_key": str(people.row.pk)})
    assert problem(again, 409) and again.json()["details"]["id"] == made["id"]
    assert data(owner.patch(f"/budgets/{made['id']}", json={"amount": 7}))["amount"] == "7"
    assert data(owner.get("/budgets", params={"api_key": str(people.row.pk)}))[0]["alert_shares"] == [50, 90]
    problem(owner.post("/budgets", json={"amount": "5000000", "period": "day"}), 400, "amount")
    problem(owner.post("/budgets", json={"amount": "1e5"}), 400, "amount")
    assert owner.delete(f"/budgets/{made['id']}").status_code == 204
    problem(owner.get(f"/budgets/{made['id']}"), 404)
    assert Budget.objects.get(pk=made["id"]).ended_at
    limit = data(owner.post("/limits", json={"model": "openai/gpt-4o", "running": 3}), 201)
    problem(owner.post("/limits", json={"model": "openai/gpt-4o"}), 409)
    problem(owner.post("/limits", json={"model": "none/such"}), 400, "model")
    assert data(owner.patch(f"/limits/{limit['id']}", json={"running": None}))["running"] is None


def test_members_come_and_go(owner, as_role, people):
    listed = data(owner.get("/members"))
    assert [one["role"] for one in listed] == ["admin", "viewer", "member", "owner"]
    bob = next(one for one in listed if one["email"] == "bob@example.com")
    assert data(owner.patch(f"/members/{bob['id']}", json={"role": "admin"}))["role"] == "admin"
    alice = next(one for one in listed if one["email"] == "alice@example.com")
    problem(owner.patch(f"/members/{alice['id']}", json={"role": "admin"}), 409)
    problem(owner.delete(f"/members/{alice['id']}"), 409)
    problem(as_role("admin").patch(f"/members/{bob['id']}", json={"role": "owner"}), 403)
    assert owner.delete(f"/members/{bob['id']}").status_code == 204


def test_invitations_are_sent(owner):
    made = data(owner.post("/invitations", json={"email": "new@example.com", "role": "viewer"}), 201)
    assert made["sent"] is True and mail.outbox[-1].to == ["new@example.com"]
    assert "token" not in str(made) and "/invitations/" in mail.outbox[-1].body
    problem(owner.post("/invitations", json={"email": "bob@example.com"}), 400, "email")
    problem(owner.post("/invitations", json={"email": "nonsense"}), 400, "email")
    data(owner.post(f"/invitations/{made['id']}"))
    assert len(data(owner.get("/invitations"))) == 1
    assert owner.delete(f"/invitations/{made['id']}").status_code == 204 and data(owner.get("/invitations")) == []


def test_webhooks(owner, settings):
    made = data(owner.post("/webhooks", json={"url": "http://127.0.0.1:9/hook"}), 201)
    assert made["secret"].startswith("whsec_") and "secret" not in data(owner.get(f"/webhooks/{made['id']}"))
    settings.WEBHOOKS_PLAIN_HTTP = False
    problem(owner.post("/webhooks", json={"url": "http://127.0.0.1:9/hook"}), 400, "url")
    assert data(owner.patch(f"/webhooks/{made['id']}", json={"is_active": False}))["is_active"] is False
    ping = data(owner.post(f"/webhooks/{made['id']}/ping"), 202)
    assert (ping["event"], ping["state"]) == ("ping", "waiting")
    assert [one["id"] for one in data(owner.get("/webhooks/deliveries"))] == [ping["id"]]
    problem(owner.post(f"/webhooks/deliveries/{ping['id']}/again"), 409)
    assert owner.delete(f"/webhooks/{made['id']}").status_code == 204


def test_credentials_are_asked_about_and_never_told(owner, monkeypatch):
    from gateway.checking import Answer
    from management import credentials

    monkeypatch.setattr(credentials, "check", lambda *_: Answer(taken=True, refused=False, told=""))
    told = data(owner.put("/credentials/openai", json={"secret": "sk-something-secret"}))
    assert told["last4"] == "cret" and "sk-something" not in owner.get("/credentials").text
    monkeypatch.setattr(credentials, "check", lambda *_: Answer(taken=False, refused=True, told="OpenAI refuses it."))
    assert problem(owner.put("/credentials/openai", json={"secret": "sk-bad"}), 400, "secret") == "OpenAI refuses it."
    problem(owner.put("/credentials/nobody", json={"secret": "x"}), 404)
    problem(owner.put("/credentials/openai", json={"secret": "with space"}), 400, "secret")
    assert owner.delete("/credentials/openai").status_code == 204 and data(owner.get("/credentials")) == []


@pytest.fixture
def traffic(people):
    """Seven requests, an hour apart, the newest first in lists."""
    now = timezone.now().replace(minute=30, second=0, microsecond=0)
    for n in range(7):
        RequestLog.objects.create(
            request_id=f"req_{n}",
            tenant=people.tenant,
            api_key=people.row,
            received_at=now - timedelta(hours=7 - n),
            status="ok" if n else "error",
            http_status=200,
            model="openai/gpt-4o" if n % 2 else "alpha/alpha-1",
            provider="openai" if n % 2 else "alpha",
            cost_usd="0.25",
            input_tokens=10,
            output_tokens=5,
            duration_ms=100 * n,
            attempts=[{"number": 1, "model": "m", "provider": "p", "started_ms": 0, "duration_ms": 5, "cost": 250_000_000_000}],
        )
    rebuild()
    return now


def test_requests_a_page_at_a_time(owner, traffic):
    seen, after = [], ""
    while after is not None:
        page = owner.get("/requests", params={"limit": 3, "after": after}).json()
        seen += [one["request_id"] for one in page["data"]]
        after = page["next"]
    assert seen == [f"req_{n}" for n in range(6, -1, -1)]
    told = data(owner.get("/requests/req_3"))
    assert (told["cost_usd"], told["attempts"][0]["cost_usd"], told["model"]) == ("0.25", "0.25", "openai/gpt-4o")
    by = {"model": "openai/gpt-4o"}, {"status": "error"}, {"least_ms": 500}, {"fallback": "true"}, {"since": traffic.isoformat()}
    counts = [len(data(owner.get("/requests", params=one))) for one in by]
    assert counts == [3, 1, 2, 0, 0]
    problem(owner.get("/requests", params={"after": "nonsense"}), 400, "after")
    problem(owner.get("/requests", params={"colour": "red"}), 400)
    problem(owner.get("/requests", params={"limit": 0}), 400, "limit")
    problem(owner.get("/requests/req_nobody"), 404)


def test_cursors_stay_where_they_are(owner, people):
    from accounts.keys import create_key

    for n in range(5):
        create_key(people.tenant, f"k{n}")
    first = owner.get("/keys", params={"limit": 2}).json()
    create_key(people.tenant, "newer")
    rest = owner.get("/keys", params={"limit": 200, "after": first["next"]}).json()
    names = [one["name"] for one in (*first["data"], *rest["data"])]
    assert names == ["k4", "k3", "k2", "k1", "k0", "production"] and rest["next"] is None
    problem(owner.get("/budgets", params={"after": first["next"]}), 400, "after")


def test_usage_by_anything(owner, people, traffic):
    told = data(owner.get("/usage", params={"group_by": "model", "interval": "hour"}))
    assert (told["total"]["requests"], told["total"]["failures"]) == (7, 1)
    assert {one["name"]: one["requests"] for one in told["groups"]} == {"openai/gpt-4o": 3, "alpha/alpha-1": 4}
    assert sum(one["requests"] for one in told["series"]) == 7
    only = data(owner.get("/usage", params={"model": "openai/gpt-4o"}))
    both = {"model": "openai/gpt-4o", "api_key": str(people.row.pk)}
    assert data(owner.get("/usage", params=both))["total"]["requests"] == 3
    problem(owner.get("/usage", params={"api_key": "nonsense", "model": "x"}), 400, "api_key")
    assert only["total"]["requests"] == 3 and only["series"] is None and only["groups"] is None
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        since = (traffic - timedelta(days=3)).isoformat()
        days = data(owner.get("/usage", params={"interval": "day", "time_zone": zone, "since": since}))
        assert sum(day["requests"] for day in days["series"]) == 7, zone
        assert days["time_zone"] == zone
    problem(owner.get("/usage", params={"time_zone": "Mars"}), 400, "time_zone")
    problem(owner.get("/usage", params={"since": "2020-01-01T00:00:00Z"}), 400, "since")
    problem(owner.get("/usage", params={"interval": "week"}), 400, "interval")


def test_feedback_that_was_given(owner, people, traffic):
    Feedback.objects.create(tenant=people.tenant, request_id="req_3", signal="rating", value=0.75, api_key=people.row)
    [told] = data(owner.get("/feedback"))
    assert (told["request_id"], told["value"], told["api_key"]) == ("req_3", 0.75, str(people.row.pk))
    assert [one["request_id"] for one in data(owner.get("/requests", params={"feedback": "good"}))] == ["req_3"]


def test_learning_is_steered_by_management_keys(owner, as_role):
    assert data(owner.patch("/learning", json={"explores": 0.1}))["settings"]["explores"] == 0.1
    problem(owner.patch("/learning", json={"baseline": "none/such"}), 400, "baseline")
    assert data(owner.post("/learning/replay", json={"strategy": "cost"})) is not None
    problem(owner.post("/learning/versions/7/pin"), 404)
    assert as_role("owner", ["learning:read"]).delete("/learning").status_code == 403
    assert owner.delete("/learning").status_code == 204


def test_the_tenant_itself(owner, people):
    told = data(owner.patch("/tenant", json={"name": "Acme Ltd", "time_zone": "Europe/Zurich"}))
    assert (told["name"], told["time_zone"], told["keep_contents_days"]) == ("Acme Ltd", "Europe/Zurich", 0)
    problem(owner.patch("/tenant", json={"time_zone": "Mars"}), 400, "time_zone")
    exported = owner.post("/tenant/export")
    assert exported.headers["content-type"] == "application/jsonl" and '"kind":"tenant"' in exported.text
    problem(owner.delete("/tenant"), 400, "name")
    assert Tenant.objects.get(pk=people.tenant.pk).is_active
    assert owner.delete("/tenant", params={"name": "Acme Ltd"}).status_code == 204
    assert owner.get("/tenant").status_code == 401


def test_operators_tenants_and_plans(operator, people):
    assert data(operator.put("/platform/plans/pro", json={"month_usd": "100", "requests_per_minute": 60}))["month_usd"] == "100"
    made = data(operator.post("/platform/tenants", json={"name": "New", "owner": "charlie@example.com", "plan": "pro"}), 201)
    assert made["plan"] == "pro" and Budget.objects.filter(tenant=made["id"]).get().amount == 100
    problem(operator.post("/platform/tenants", json={"name": "New", "owner": "nobody@example.com"}), 400, "owner")
    path = f"/platform/tenants/{made['slug']}"
    assert data(operator.patch(path, json={"markup_percent": 12.5}))["markup_percent"] == "12.5"
    assert data(operator.patch(path, json={"is_active": False}))["is_active"] is False
    assert [one["slug"] for one in data(operator.get("/platform/tenants", params={"q": "alice@"}))] == [people.tenant.slug]
    problem(operator.delete("/platform/plans/pro"), 409)
    assert data(operator.patch(path, json={"plan": None}))["plan"] is None
    assert operator.delete("/platform/plans/pro").status_code == 204
    whats = {entry["what"] for entry in data(operator.get("/platform/audit"))}
    assert {"plan.saved", "tenant.created", "tenant.plan_changed", "tenant.closed"} <= whats


def test_operators_models_prices_and_health(operator, people, traffic):
    try:
        changed = data(
            operator.patch("/platform/models/openai/gpt-4o", json={"quality": 0.33, "price": {"input": "9", "output": "18"}})
        )
        assert (changed["quality"], changed["price"]["input"], changed["changed"]) == (0.33, "9", True)
        problem(operator.patch("/platform/models/openai/gpt-4o", json={"price": {"input": "9"}}), 400)
        old = {"input": "9", "output": "9", "starts": "2020-01-01"}
        problem(operator.patch("/platform/models/openai/gpt-4o", json={"price": old}), 400, "price.starts")
        assert data(operator.post("/platform/health", json={"target": "openai/gpt-4o", "way": "drain"}))["provider"] == "openai"
        assert data(operator.get("/platform/models/openai/gpt-4o"))["drained"] is True
    finally:
        reset = data(operator.delete("/platform/models/openai/gpt-4o"))
    assert reset["changed"] is False and reset["drained"] is False
    problem(operator.post("/platform/health", json={"target": "nobody", "way": "open"}), 400, "target")
    assert {"alpha", "openai"} <= {one["provider"] for one in data(operator.get("/platform/health"))}
    assert {"alpha", "openai"} <= {one["name"] for one in data(operator.get("/platform/providers"))}
    overview = data(operator.get("/platform/overview"))
    assert overview["total"]["requests"] == 7 and overview["tenants"][0]["tenant"] == people.tenant.slug


def test_what_is_not_there_and_what_cannot_be_done(owner):
    problem(owner.get("/nothing"), 404)
    refused = owner.put("/keys", json={})
    assert problem(refused, 405) and refused.headers["allow"] == "GET, POST"
    problem(owner.post("/keys", content=b"{nonsense"), 400)
    problem(owner.post("/keys", content=b"[" * 5000), 400)
    problem(owner.get("/strategies/%00"), 404)
