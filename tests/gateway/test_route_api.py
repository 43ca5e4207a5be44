"""Why this model: what would be decided, what was decided, and that it comes out the same again."""

from __future__ import annotations

import httpx
import pytest

from routing.models import CatalogText, RoutingRules, TenantStrategy

QUESTION = {"model": "routeplex-ai", "messages": [{"role": "user", "content": "Write a Python function that merges two lists."}]}


@pytest.fixture
def api(server, acme):
    with httpx.Client(base_url=f"{server}/api/v1", headers={"authorization": f"Bearer {acme.key}"}, timeout=20) as client:
        yield client


@pytest.fixture
def decided(server, acme, provider, logged):
    """A request that was decided and answered."""
    headers = {"authorization": f"Bearer {acme.key}"}
    answer = httpx.post(f"{server}/v1/chat/completions", json=QUESTION, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    [row] = logged(request_id=answer.json()["x_routeplex"]["request_id"])
    return row


def route(api, body=None, **headers):
    names = {f"x-routeplex-{name}": value for name, value in headers.items()}
    return api.post("/route", json=body or QUESTION, headers=names)


def test_the_decision_is_told_whole(api):
    told = route(api).json()
    classification = told["classification"]
    assert classification["query_type"] == "code_generation"
    assert classification["family"] == "code"
    assert sum(classification["posterior"].values()) == pytest.approx(1, abs=0.01)
    assert 0 <= classification["complexity"] <= 1
    assert classification["needs"]["input_tokens"] > 0
    first = told["candidates"][0]
    assert first["model"] == told["model"] and first["model"].startswith(first["provider"] + "/")
    assert 0 < first["predicted_quality"] <= 1
    assert first["predicted_cost_usd"] >= 0 and first["predicted_latency_ms"] > 0
    assert first["reasons"]
    assert sum(told["propensity"].values()) == pytest.approx(1)
    assert told["strategy"] == "auto" and told["tradeoff"] == 5
    assert told["margin"]["runner_up"] and told["margin"]["in_words"]
    assert {"seed", "weights_version", "excluded"} <= told.keys()


def test_nobody_is_called_and_nothing_is_recorded(api, acme, provider, logged):
    assert route(api).status_code == 200
    assert provider.requests == []
    assert logged(tenant=acme.tenant) == []


def test_what_cannot_serve_is_told_with_its_reason(api):
    body = {**QUESTION, "logprobs": True}
    excluded = {e["model"]: e["reason"] for e in route(api, body).json()["excluded"]}
    assert "cannot do logprobs" in excluded["beta/beta-1"]


@pytest.mark.parametrize(
    ("headers", "param"),
    [
        ({"strategy": "best"}, "X-RoutePlex-Strategy"),
        ({"tradeoff": "11"}, "X-RoutePlex-Tradeoff"),
        ({"tradeoff": "5", "strategy": "cost"}, "X-RoutePlex-Tradeoff"),
        ({"explore": "perhaps"}, "X-RoutePlex-Explore"),
        ({"session": "x" * 201}, "X-RoutePlex-Session"),
    ],
)
def test_a_header_that_cannot_be_is_named(api, headers, param):
    answer = route(api, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_a_body_that_cannot_be_is_the_caller_s_error(api):
    answer = api.post("/route", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert route(api, {"model": "routeplex-ai", "messages": []}).json()["error"]["code"] == "empty_messages"
    assert api.get("/route").status_code == 405


def test_without_a_key_nothing_is_told(server, acme):
    answer = httpx.post(f"{server}/api/v1/route", json=QUESTION)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    wrong = httpx.post(f"{server}/api/v1/route", json=QUESTION, headers={"authorization": "Bearer rp_live_nonsense"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")


def test_what_is_not_there_is_told_in_the_same_envelope(api):
    answer = api.get("/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


# --- what was decided


def test_every_request_keeps_its_decision(api, decided):
    told = api.get(f"/decisions/{decided.request_id}").json()
    assert told["served_by"] == decided.model
    assert told["model"] == told["candidates"][0]["model"]
    assert told["classification"]["query_type"] == decided.query_type


def test_a_decision_comes_out_the_same_again(api, decided):
    told = api.post(f"/decisions/{decided.request_id}/replay").json()
    assert told["identical"] is True
    assert told["differences"] == {}
    assert told["decision"]["model"] == api.get(f"/decisions/{decided.request_id}").json()["model"]


def test_and_again_with_a_catalogue_that_has_changed_since(api, decided):
    """Only the catalogue of its time gives the decision of its time."""
    version = decided.decision["snapshot_version"]
    other = "0123456789ab"
    type(decided).objects.filter(pk=decided.pk).update(decision={**decided.decision, "snapshot_version": other})
    missing = api.post(f"/decisions/{decided.request_id}/replay")
    assert missing.status_code == 404 and "was not kept" in missing.json()["error"]["message"]
    from routing.snapshot import keep_catalog

    keep_catalog()
    CatalogText.objects.create(version=other, texts=CatalogText.objects.get(version=version).texts)
    assert api.post(f"/decisions/{decided.request_id}/replay").json()["identical"] is True


def test_a_decision_that_was_tampered_with_is_not_identical(api, decided):
    forged = {**decided.decision, "ranked": decided.decision["ranked"][::-1]}
    type(decided).objects.filter(pk=decided.pk).update(decision=forged)
    told = api.post(f"/decisions/{decided.request_id}/replay").json()
    assert told["identical"] is False
    assert list(told["differences"]) == ["ranked"]


def test_a_stranger_finds_nothing(server, api, decided):
    from accounts.keys import create_key
    from tests.factories import TenantFactory

    _, key = create_key(TenantFactory(), "theirs")
    for method, path in (("GET", ""), ("POST", "/replay")):
        answer = httpx.request(
            method, f"{server}/api/v1/decisions/{decided.request_id}{path}", headers={"authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 404


def test_people_see_their_own_tenant_s_decisions(client, acme, decided):
    path = f"/api/v1/decisions/{decided.request_id}"
    assert client.get(path).status_code == 401
    client.force_login(acme.charlie)
    assert client.get(path).status_code == 404
    client.force_login(acme.bob)
    assert client.get(path).json()["request_id"] == decided.request_id


# --- what a tenant has set


def fresh(api, acme):
    """As if the gateway had just heard of the change."""
    from accounts import keys

    keys.forget_all()
    return route(api).json()


def test_a_tenant_s_rules_exclude_with_their_reason(api, acme):
    RoutingRules.objects.create(
        tenant=acme.tenant,
        deny=["alpha"],
        allow=["alpha", "beta", "goo/goo-1"],
        max_output_usd_per_mtok="15",
        draws=False,
        tradeoff=0,
    )
    told = fresh(api, acme)
    excluded = {e["model"]: e["reason"] for e in told["excluded"]}
    assert "denied" in excluded["alpha/alpha-1"]
    assert "not on the tenant's list" in excluded["ant/ant-1"]
    assert "ceiling" in excluded["beta/beta-1"]
    assert [c["model"] for c in told["candidates"]] == ["goo/goo-1"]
    assert told["tradeoff"] == 0
    named = route(api, {**QUESTION, "model": "alpha/alpha-1"})
    assert (named.status_code, named.json()["error"]["code"]) == (404, "invalid_model")


def test_data_stays_where_the_tenant_says(api, acme):
    RoutingRules.objects.create(tenant=acme.tenant, regions=["eu"])
    answer = route(api)
    assert answer.status_code == 400
    assert "an unknown region" in answer.json()["error"]["message"]


def test_a_tenant_s_own_strategy(api, acme):
    TenantStrategy.objects.create(
        tenant=acme.tenant, name="thrift", parts={"quality": 0.1, "cost": 1, "keeps": 0.5, "draws": False}
    )
    fresh(api, acme)
    told = route(api, strategy="thrift").json()
    assert told["strategy"] == "thrift"
    costs = [c["predicted_cost_usd"] for c in told["candidates"]]
    assert costs[0] == min(costs)
    assert route(api, strategy="other").status_code == 400


def test_the_slider_moves_from_price_to_quality(api):
    cheap, good = (route(api, tradeoff=at, explore="off").json()["candidates"][0] for at in ("0", "10"))
    assert cheap["predicted_cost_usd"] <= good["predicted_cost_usd"]
    assert cheap["predicted_quality"] <= good["predicted_quality"]
    assert cheap["model"] != good["model"]
