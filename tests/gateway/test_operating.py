"""What the operator sets reaches the requests of a gateway that runs: drained, opened, closed, dearer, with another key."""

from __future__ import annotations

import time

import openai
import pytest

from accounts import switches
from accounts.credentials import seal_secret
from accounts.models import PlatformCredential
from routing import overrides
from routing.snapshot import catalog, health
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER

pytestmark = pytest.mark.usefixtures("as_it_was")
OK = scripted.whole(ANSWER)


def asked(provider):
    return [request.path.split("/")[1] for request in provider.requests]


def until(true):
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_who_names_a_drained_model_gets_a_stand_in(ask, provider):
    overrides.put("alpha/alpha-1", {"drained": True})
    until(lambda: catalog().models["alpha/alpha-1"].drained)
    provider.say("beta", OK)
    answer = ask()
    assert asked(provider) == ["beta"] and answer.x_routeplex["fallback_used"]


def test_a_drained_provider_is_chosen_by_nobody_and_says_why(sdk, provider, logged):
    overrides.put("beta", {"drained": True})
    until(lambda: catalog().models["beta/beta-1"].drained)
    provider.say("alpha", OK, OK)
    headers = {"X-RoutePlex-Fallback": "0"}
    sdk.chat.completions.create(model="routeplex-ai", messages=[{"role": "user", "content": "Hi"}], extra_headers=headers)
    excluded = logged()[-1].decision["excluded"]
    assert "beta/beta-1" in excluded["drained by the operator"]


def test_without_a_stand_in_the_answer_says_what_to_do(sdk):
    overrides.put("alpha", {"drained": True})
    until(lambda: catalog().models["alpha/alpha-1"].drained)
    with pytest.raises(openai.APIStatusError) as refused:
        sdk.chat.completions.create(
            model="alpha/alpha-1", messages=[{"role": "user", "content": "Hi"}], extra_headers={"X-RoutePlex-Fallback": "0"}
        )
    assert refused.value.status_code == 503 and "takes no new requests" in str(refused.value)


def test_a_price_holds_from_its_day_on(ask, provider, logged):
    provider.say("alpha", OK, OK)
    ask()
    overrides.put("alpha/alpha-1", {"prices": [{"input": "10", "output": "20", "cached_input": "1"}]})
    until(lambda: catalog().models["alpha/alpha-1"].prices[0].rates.input == 10_000_000)
    ask()
    before, after = (row.cost_usd for row in logged())
    assert float(after) == pytest.approx(10 * float(before))


def test_a_breaker_is_opened_and_closed_by_hand(ask, provider):
    health.turn("alpha/alpha-1", 60.0, time.monotonic())
    provider.say("beta", OK)
    ask()
    health.turn("alpha/alpha-1", 0.0, time.monotonic())
    provider.say("alpha", OK)
    ask()
    assert asked(provider) == ["beta", "alpha"]


def test_the_platform_s_key_is_used_within_seconds(ask, provider):
    provider.say("alpha", *[OK] * 100)
    credential = PlatformCredential(provider="alpha")
    seal_secret(credential, "sk-platform")
    credential.save()

    def used():
        ask()
        return provider.requests[-1].headers.get("authorization") == "Bearer sk-platform"

    until(used)


def test_with_exploring_off_nothing_is_drawn(sdk, provider, logged):
    switches.turn("exploring", on=False)
    until(lambda: not switches.remembered("exploring"))
    provider.say("alpha", OK, OK)
    provider.say("beta", OK, OK)
    sdk.chat.completions.create(model="routeplex-ai", messages=[{"role": "user", "content": "Hi"}])
    assert logged()[-1].decision["question"]["draws"] is False
