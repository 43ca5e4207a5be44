"""Feedback and learning through the front door: keys give, people steer, strangers find nothing; what is learned routes."""

from __future__ import annotations

import time

import httpx
import pytest
from django.test import Client

from learning import learn, publishing
from learning.models import CountedVote, Feedback, TenantLearning
from routing.models import LearnedWeights
from tests import upstream as scripted
from tests.factories import ApiKeyFactory, TenantFactory
from tests.gateway.conftest import ANSWER
from tests.learning.conftest import CODE, attempt, classification

TYPE = classification().query_type
QUESTION = {"model": "routeplex-ai", "messages": [{"role": "user", "content": CODE}]}


@pytest.fixture
def api(server, acme):
    with httpx.Client(base_url=server, headers={"authorization": f"Bearer {acme.key}"}, timeout=30) as client:
        yield client


@pytest.fixture
def as_person(server):
    """A signed-in person's client; state-changing requests carry the CSRF token, as a browser's would."""

    def signed_in(person):
        client = Client()
        client.force_login(person)
        return client

    return signed_in


def row_with_feedback(ended, say, times=15, score=0.0):
    for _ in range(times):
        say(ended(), score=score)
    learn.learn()


# --- giving


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/feedback/", "/api/v1/insights/feedback", "/api/v1/insights/feedback/"])
def test_a_key_says_what_an_answer_was_worth(api, ended, path):
    row = ended()
    told = api.post(path, json={"request_id": row.request_id, "rating": 4, "comment": "good, if long"})
    assert told.status_code == 200, told.text
    assert told.json() == {"success": True, "data": {"request_id": row.request_id, "signals": ["rating"]}}
    said = Feedback.objects.get()
    assert (said.signal, said.value, said.api_key_id) == ("rating", 0.75, row.api_key_id)
    assert b"good" not in bytes(said.words)


def test_every_kind_of_it(api, ended):
    row = ended()
    body = {"thumb": "down", "score": 0.4, "metrics": {"tests.passed": 0.5}, "correction": "it should have been 42"}
    assert api.post("/v1/feedback", json={"request_id": row.request_id, **body}).status_code == 200
    assert dict(Feedback.objects.values_list("signal", "value")) == {"thumb": 0.0, "score": 0.4, "metric:tests.passed": 0.5}


def test_a_correction_alone_says_that_it_was_wrong(api, ended):
    assert api.post("/v1/feedback", json={"request_id": ended().request_id, "correction": "42"}).status_code == 200
    assert Feedback.objects.get().value == 0.0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"rating": 6}, "rating"),
        ({"rating": "five"}, "rating"),
        ({"thumb": "sideways"}, "thumb"),
        ({"score": -0.1}, "score"),
        ({"metrics": {"a b": 1.0}}, "metrics"),
        ({"metrics": {"a": 2.0}}, "metrics"),
        ({"stars": 5}, "stars"),
        ({}, "rating"),
    ],
)
def test_what_makes_no_sense_is_told_so(api, ended, body, param):
    told = api.post("/v1/feedback", json={"request_id": ended().request_id, **body})
    assert told.status_code == 400
    assert (told.json()["error"]["param"] or "").startswith(param) or param in told.json()["error"]["message"]
    assert not Feedback.objects.exists()


def test_a_request_that_nobody_knows_is_not_found(api, acme):
    for name in ("nonsense", "req_00000000000000000000000000", "req_" + "Z" * 26):
        assert api.post("/v1/feedback", json={"request_id": name, "rating": 1}).status_code == 404


def test_a_stranger_s_request_is_not_there(api, ended):
    stranger = TenantFactory()
    row = ended(tenant=stranger, key=ApiKeyFactory(tenant=stranger))
    assert api.post("/v1/feedback", json={"request_id": row.request_id, "rating": 1}).status_code == 404


def test_one_needs_a_key(server, ended):
    row = ended()
    for headers in ({}, {"authorization": "Bearer rp_live_nonsense"}):
        told = httpx.post(f"{server}/v1/feedback", json={"request_id": row.request_id, "rating": 1}, headers=headers)
        assert told.status_code == 401


def test_feedback_that_is_faster_than_the_recorder_is_kept_for_its_request(api, provider, logged):
    for name in ("alpha", "beta"):
        provider.say(name, scripted.whole(ANSWER))
    answer = api.post("/v1/chat/completions", json={**QUESTION, "model": "alpha/alpha-1"})
    name = answer.headers["x-request-id"]
    assert api.post("/v1/feedback", json={"request_id": name, "thumb": "up"}).status_code == 200
    learn.learn()
    assert not CountedVote.objects.exists()
    [row] = logged(request_id=name)
    assert (row.attempts[0]["finish"], len(row.conversation), len(row.asked), row.before) == ("stop", 24, 24, "")
    learn.learn()
    assert CountedVote.objects.get().request_id == name


# --- what is learned routes


def test_what_is_learned_reaches_the_requests_of_this_tenant_within_seconds_and_no_other_s(api, server, ended, say, acme):
    from accounts.keys import create_key

    first = api.post("/api/v1/route", json=QUESTION).json()
    liked = next(c["model"] for c in first["candidates"] if c["model"] != first["model"] and c["predicted_quality"] > 0.4)
    for _ in range(40):
        say(ended(attempt(model=liked, provider=liked.partition("/")[0])), score=1.0)
    learn.learn()
    end = time.monotonic() + 30
    while (told := api.post("/api/v1/route", json=QUESTION).json())["learned_version"] == 0 and time.monotonic() < end:
        time.sleep(0.2)
    quality = {c["model"]: c["predicted_quality"] for c in first["candidates"]}
    now = {c["model"]: c for c in told["candidates"]}
    assert now[liked]["predicted_quality"] > quality[liked] + 0.02
    assert any("learned of your own work" in reason for reason in now[liked]["reasons"])
    _, other = create_key(TenantFactory(), "theirs")
    theirs = httpx.post(f"{server}/api/v1/route", json=QUESTION, headers={"authorization": f"Bearer {other}"}, timeout=30).json()
    assert {c["model"]: c["predicted_quality"] for c in theirs["candidates"]} == quality


def test_who_has_no_tenant_stands_in_nobody_s_way(api, server, ended, say):
    body = {"messages": QUESTION["messages"]}
    assert httpx.post(f"{server}/api/v1/chat/estimate", json=body, timeout=30).status_code == 200
    row_with_feedback(ended, say)
    end = time.monotonic() + 30
    while (told := api.post("/api/v1/route", json=QUESTION).json())["learned_version"] == 0 and time.monotonic() < end:
        time.sleep(0.2)
    assert told["learned_version"] == 1


def test_a_decision_under_learned_weights_is_made_again_and_is_the_same(api, ended, say, provider, logged):
    row_with_feedback(ended, say)
    end = time.monotonic() + 30
    while api.post("/api/v1/route", json=QUESTION).json()["learned_version"] == 0 and time.monotonic() < end:
        time.sleep(0.2)
    name = api.post("/v1/chat/completions", json=QUESTION).headers["x-request-id"]
    [row] = logged(request_id=name)
    assert row.decision["seen"]["learned"] == 1
    again = api.post(f"/api/v1/decisions/{name}/replay")
    assert again.json()["identical"] is True, again.text
    assert api.get(f"/api/v1/decisions/{name}").json()["learned_version"] == 1


# --- seeing and steering


def test_what_is_learned_can_be_seen(api, ended, say):
    assert api.get("/api/v1/learning").json()["data"]["arms"] == []
    row_with_feedback(ended, say)
    told = api.get("/api/v1/learning").json()["data"]
    assert (told["served_version"], told["outcomes"], told["votes"], told["feedback"]) == (1, 15, 15, 15)
    [arm] = [arm for arm in told["arms"] if arm["outcomes"]]
    assert (arm["query_type"], arm["model"]) == (TYPE, "alpha/alpha-1")
    assert arm["quality_shift"] < -0.1 and 0 < arm["certainty"] < 1


def test_only_who_administers_the_tenant_steers(api, acme, as_person):
    body = {"learns": False}
    assert api.patch("/api/v1/learning", json=body).status_code == 403, "a calling key manages nothing"
    assert api.delete("/api/v1/learning").status_code == 403
    for person, status in ((acme.bob, 403), (acme.charlie, 404)):
        told = as_person(person).patch("/api/v1/learning", body, content_type="application/json")
        assert told.status_code == status
    told = as_person(acme.alice).patch("/api/v1/learning", body, content_type="application/json")
    assert told.status_code == 200 and told.json()["data"]["settings"]["learns"] is False
    assert as_person(acme.bob).get("/api/v1/learning").status_code == 200, "a member may look"
    assert as_person(acme.charlie).get("/api/v1/learning").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"explores": 0.5}, {"held_back": 0.2}, {"learns": "yes"}, {"nonsense": 1}, {"baseline": 3}, {"judge_usd_per_day": -1}],
)
def test_wishes_that_cannot_be_are_refused(acme, as_person, body):
    told = as_person(acme.alice).patch("/api/v1/learning", body, content_type="application/json")
    assert told.status_code == 400
    assert not TenantLearning.objects.filter(tenant=acme.tenant).exists()


def test_a_baseline_holds_back_a_share(acme, as_person, ended, say):
    body = {"baseline": "beta/beta-1", "held_back": 0.02}
    assert as_person(acme.alice).patch("/api/v1/learning", body, content_type="application/json").status_code == 200
    from routing import weights

    known = weights.served([str(acme.tenant.pk)])[str(acme.tenant.pk)]
    assert (known.baseline, known.held_back) == ("beta/beta-1", 0.02)


def test_a_version_is_pinned_let_go_and_compared(api, acme, as_person, ended, say, monkeypatch):
    monkeypatch.setattr(publishing, "AT_MOST_EVERY", publishing.AT_MOST_EVERY * 0)
    row_with_feedback(ended, say)
    alice = as_person(acme.alice)
    assert alice.post("/api/v1/learning/versions/1/pin").status_code == 200
    row_with_feedback(ended, say, times=30, score=1.0)
    told = api.get("/api/v1/learning").json()["data"]
    assert (told["served_version"], told["pinned_version"]) == (1, 1)
    newest = max(v["version"] for v in api.get("/api/v1/learning/versions").json()["data"]["versions"])
    assert newest > 1, "it goes on learning"
    changes = api.get(f"/api/v1/learning/versions/1/compare/{newest}").json()["data"]["changes"]
    assert changes[0]["quality_shift"][0] < changes[0]["quality_shift"][1]
    assert alice.delete("/api/v1/learning/versions/1/pin").status_code == 200
    assert api.get("/api/v1/learning").json()["data"]["served_version"] > newest
    for path in ("/api/v1/learning/versions/99/pin", "/api/v1/learning/versions/99/rollback"):
        assert alice.post(path).status_code == 404


def test_going_back_forgets_what_came_since(api, acme, as_person, ended, say, monkeypatch):
    monkeypatch.setattr(publishing, "AT_MOST_EVERY", publishing.AT_MOST_EVERY * 0)
    row_with_feedback(ended, say)
    then = api.get("/api/v1/learning").json()["data"]["arms"]
    row_with_feedback(ended, say, times=30, score=1.0)
    assert api.get("/api/v1/learning").json()["data"]["arms"] != then
    assert as_person(acme.alice).post("/api/v1/learning/versions/1/rollback").status_code == 200
    assert api.get("/api/v1/learning").json()["data"]["arms"] == then
    assert CountedVote.objects.count() == 15


def test_everything_can_be_forgotten(api, acme, as_person, ended, say):
    row_with_feedback(ended, say)
    as_person(acme.alice).patch("/api/v1/learning", {"explores": 0.01}, content_type="application/json")
    assert as_person(acme.alice).delete("/api/v1/learning").status_code == 204
    assert not (Feedback.objects.exists() or CountedVote.objects.exists() or LearnedWeights.objects.exists())
    told = api.get("/api/v1/learning").json()["data"]
    assert (told["served_version"], told["outcomes"], told["arms"]) == (0, 0, [])
    assert told["settings"]["explores"] == 0.01, "what was wished stays"


def test_what_one_key_has_said_can_be_looked_at_and_trusted_again(acme, as_person, ended, say):
    lying = ApiKeyFactory(tenant=acme.tenant)
    for _ in range(10):
        say(ended(), score=0.9)
        say(ended(key=lying), score=0.0)
    learn.learn()
    alice = as_person(acme.alice)
    told = alice.get(f"/api/v1/learning/keys/{lying.pk}").json()["data"]
    assert told["votes"] == 10 and told["changes"][0]["quality_shift"][0] < told["changes"][0]["quality_shift"][1]
    TenantLearning.objects.filter(tenant=acme.tenant).update(distrusted=[str(lying.pk)])
    assert alice.post(f"/api/v1/learning/keys/{lying.pk}").json()["data"]["distrusted_keys"] == []
    assert alice.post("/api/v1/learning/keys/no-key").status_code == 404


def test_a_tenant_that_leaves_takes_it_along(acme, ended, say):
    from gateway.retention import forget_tenant

    row_with_feedback(ended, say)
    assert forget_tenant(acme.tenant.pk)
    for model in (Feedback, CountedVote, LearnedWeights, TenantLearning):
        assert not model.objects.filter(tenant=acme.tenant).exists()
