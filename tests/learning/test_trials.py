"""What if, through the front door; and a strategy on trial, which serves only once it is shown to be no worse."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.test import Client
from django.utils import timezone

from learning import trials
from learning.intervals import CannotTell, Estimate
from learning.models import StrategyTrial
from learning.offpolicy import Judgement
from learning.verdicts import Interval
from routing.models import TenantStrategy
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER
from tests.learning.test_api import QUESTION, api  # noqa: F401

PARTS = {"cost": 0.2}


@pytest.fixture
def alice(acme):
    client = Client()
    client.force_login(acme.alice)
    return client


@pytest.fixture
def asked(api, provider, logged):  # noqa: F811
    """A few requests that were routed and answered."""
    for _ in range(3):
        for name in ("alpha", "beta"):
            provider.say(name, scripted.whole(ANSWER))
        assert api.post("/v1/chat/completions", json=QUESTION).status_code == 200
    return logged()


def test_what_would_it_have_cost_under_another_strategy(api, asked):  # noqa: F811
    told = api.post("/api/v1/learning/replay", json={"strategy": "cost", "since": "1d"})
    assert told.status_code == 200, told.text
    found = told.json()["data"]
    assert found["exact"]["requests"] == 3
    assert found["modelled"]["cost_usd"]["low"] <= found["modelled"]["cost_usd"]["value"] <= found["modelled"]["cost_usd"]["high"]
    assert "why" in str(found["causal"]["doubly_robust"]["difference"]), "nobody said anything: it cannot tell, and says why"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"strategy": "nonsense"}, "strategy"),
        ({"strategy": "cost", "tradeoff": 3}, "strategy"),
        ({"tradeoff": 11}, "tradeoff"),
        ({"version": 99}, "version"),
        ({"since": "last week"}, "since"),
        ({"since": "9999d"}, "since"),
        ({"since": "1d", "until": "2d"}, "since"),
        ({"budget": {"usd": 0}}, "budget"),
    ],
)
def test_what_cannot_be_replayed_is_told_so(api, body, param):  # noqa: F811
    told = api.post("/api/v1/learning/replay", json=body)
    assert told.status_code == 400, told.text
    assert told.json()["error"]["param"].startswith(param)


def test_too_many_requests_are_not_replayed_while_somebody_waits(api, asked, monkeypatch):  # noqa: F811
    from learning import replay_api

    monkeypatch.setattr(replay_api, "MOST_REQUESTS", 2)
    assert api.post("/api/v1/learning/replay", json={"strategy": "cost"}).json()["error"]["param"] == "since"


def test_the_meter_says_that_it_cannot_tell_yet(api, asked):  # noqa: F811
    told = api.get("/api/v1/learning/savings?since=7d").json()["data"]
    assert told["held_back"] == 0 and told["in_words"]
    assert api.get("/api/v1/learning/savings?since=nonsense").status_code == 400


# --- trials


def test_a_version_is_put_on_trial_taken_and_withdrawn(api, alice, acme):  # noqa: F811
    body = {"strategy": "ours", "parts": PARTS}
    assert api.post("/api/v1/learning/trials", json=body).status_code == 403, "a calling key manages nothing"
    made = alice.post("/api/v1/learning/trials", body, content_type="application/json").json()["data"]
    assert (made["state"], made["parts"]) == ("suggested", PARTS)
    assert alice.post("/api/v1/learning/trials", body, content_type="application/json").status_code == 400, "one at a time"
    assert alice.post(f"/api/v1/learning/trials/{made['id']}").json()["data"]["state"] == "taken"
    assert TenantStrategy.objects.get(tenant=acme.tenant, name="ours").parts == PARTS
    assert alice.delete(f"/api/v1/learning/trials/{made['id']}").status_code == 404, "it is over"
    again = alice.post("/api/v1/learning/trials", body, content_type="application/json").json()["data"]
    assert alice.delete(f"/api/v1/learning/trials/{again['id']}").json()["data"]["state"] == "withdrawn"
    assert [trial["state"] for trial in api.get("/api/v1/learning/trials").json()["data"]["trials"]] == ["withdrawn", "taken"]


@pytest.mark.parametrize(
    "body", [{"strategy": "cost", "parts": {}}, {"strategy": "A b", "parts": {}}, {"strategy": "x", "parts": {"q": 1}}]
)
def test_trials_that_cannot_be_are_refused(alice, body):
    assert alice.post("/api/v1/learning/trials", body, content_type="application/json").status_code == 400


def test_without_evidence_it_stays_a_suggestion_with_what_was_found(acme):
    trial = StrategyTrial.objects.create(tenant=acme.tenant, strategy="ours", parts=PARTS)
    assert trials.judge_trials() == 0
    trial.refresh_from_db()
    assert trial.state == "suggested" and trial.found["exact"]["requests"] == 0
    judged = trial.judged_at
    assert trials.judge_trials() == 0
    trial.refresh_from_db()
    assert trial.judged_at == judged, "once a day"
    with pytest.raises(ObjectDoesNotExist):
        TenantStrategy.objects.get(tenant=acme.tenant)


def found(acme, *, difference, cost=(0.4, 0.6), paid=1.0, effective=500.0):
    """A replay's result with these numbers in it."""
    from msgspec.structs import replace

    from learning.replay import replay
    from learning.targets import Target

    now = timezone.now()
    empty = replay(str(acme.tenant.pk), Target(strategy="cost"), now - timedelta(days=1), now)
    told = (
        difference
        if isinstance(difference, CannotTell)
        else Estimate(
            value=sum(difference) / 2,
            low=difference[0],
            high=difference[1],
            effective_sample_size=effective,
            n=500,
            clusters=500,
            more_requests=0,
        )
    )
    causal = replace(empty.causal, doubly_robust=Judgement(target=told, incumbent=told, difference=told))
    modelled = replace(empty.modelled, cost_usd=Interval(value=sum(cost) / 2, low=cost[0], high=cost[1]))
    return replace(empty, causal=causal, modelled=modelled, exact=replace(empty.exact, recorded_usd=paid))


@pytest.mark.parametrize(
    ("numbers", "enough"),
    [
        ({"difference": (0.01, 0.05)}, True),
        ({"difference": (-0.005, 0.02)}, True),
        ({"difference": (-0.005, 0.02), "cost": (0.9, 1.1)}, False),
        ({"difference": (-0.05, 0.2)}, False),
        ({"difference": (0.01, 0.05), "effective": 100.0}, False),
        ({"difference": (0.01, 0.05), "cost": (1.2, 1.5)}, False),
    ],
    ids=[
        "better",
        "as good and cheaper",
        "as good, perhaps not cheaper",
        "perhaps worse",
        "too little evidence",
        "better and dearer",
    ],
)
def test_only_what_is_shown_to_be_no_worse_is_promoted(acme, monkeypatch, numbers, enough):
    assert trials.proven(found(acme, **numbers)) is enough
    trial = StrategyTrial.objects.create(tenant=acme.tenant, strategy="ours", parts=PARTS)
    result = found(acme, **numbers)
    monkeypatch.setattr(trials, "replay", lambda *_, **__: result)
    assert trials.judge_trials() == int(enough)
    trial.refresh_from_db()
    assert trial.state == ("promoted" if enough else "suggested")
    assert TenantStrategy.objects.filter(tenant=acme.tenant, name="ours").exists() is enough
