"""A judge: off by default, a sample, within its budget, through our own gateway, of little weight."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from accounts import keys
from accounts.models import ApiKey, Budget
from gateway.models import KeptContent
from learning import learn
from learning.judging import judge
from learning.models import CountedVote, Feedback, TenantLearning
from learning.reward import SIGNALS
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER

BODY = {"model": "alpha/alpha-1", "messages": [{"role": "user", "content": "What is two and two?"}]}


def graded(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return scripted.whole({**ANSWER, "choices": [choice]})


@pytest.fixture
def judged(server, acme, provider, recorder, settings, logged):
    """Answers that are kept, of a tenant that wants them judged; what the judge says next."""
    settings.GATEWAY_URL = server
    acme.tenant.keep_contents_days = 30
    acme.tenant.save()
    keys.forget_all()
    TenantLearning.objects.create(tenant=acme.tenant, judge="beta/beta-1", judge_share=1.0, judge_usd_per_day=1)

    def judged(says, answers=1):
        before, end = KeptContent.objects.count(), time.monotonic() + 60
        for _ in range(answers):
            provider.say("alpha", scripted.whole(ANSWER))
            headers = {"authorization": f"Bearer {acme.key}"}
            assert httpx.post(f"{server}/v1/chat/completions", json=BODY, headers=headers, timeout=30).status_code == 200
        while KeptContent.objects.count() < before + answers and time.monotonic() < end:
            logged()
            time.sleep(0.05)
        for _ in range(answers):
            provider.say("beta", graded(says))
        return judge()

    return judged


def test_it_grades_and_counts_for_little(judged, provider, acme):
    assert judged('{"score": 8}') == 1
    said = Feedback.objects.get()
    assert (said.signal, said.value) == ("judge", 0.8)
    asked = json.loads(provider.requests[-1].body)
    assert "What is two and two?" in asked["messages"][1]["content"] and "Hello!" in asked["messages"][1]["content"]
    learn.learn()
    vote = CountedVote.objects.get()
    assert vote.weight == SIGNALS["judge"].weight and vote.model == "alpha/alpha-1"
    assert judge() == 0, "each answer once, and never its own"


@pytest.mark.parametrize("says", ["no idea", '{"score": 11}', '{"grade": 3}'])
def test_what_it_says_otherwise_counts_for_nothing(judged, says):
    assert judged(says) == 0
    assert not Feedback.objects.exists()


def test_it_has_a_key_with_the_daily_amount_as_its_budget(judged, acme):
    judged('{"score": 8}')
    key = ApiKey.objects.get(name__startswith="judge")
    assert Budget.objects.get(api_key=key).amount == 1
    state = TenantLearning.objects.get()
    assert str(key.pk) == str(state.judge_key_id) and b"rp_live" not in bytes(state.judge_token)
    TenantLearning.objects.update(judge_usd_per_day=2)
    judged('{"score": 8}', answers=2)
    assert Budget.objects.get(api_key=key).amount == 2
    assert ApiKey.objects.filter(name__startswith="judge").count() == 1


def test_nobody_is_asked_who_does_not_want_it(judged, acme, provider):
    TenantLearning.objects.update(judge="")
    assert judged('{"score": 8}') == 0
    TenantLearning.objects.update(judge="beta/beta-1", judge_share=0.0)
    assert judge() == 0
    TenantLearning.objects.update(judge_share=1.0, learns=False)
    assert judge() == 0
    assert not ApiKey.objects.filter(name__startswith="judge").exists()


def test_a_judge_that_fails_stops_nothing(judged, provider):
    provider.say("beta", scripted.whole({"error": {"message": "no"}}, status=400))
    assert judged("unused") == 0
