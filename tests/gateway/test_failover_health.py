"""What a model's health does to requests: passing over, probing, waiting, and how often anything is tried again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from django.conf import settings

from gateway import attempts, plan, probes, transport, witness
from routing import breaker
from routing.health_store import HealthStore, credential_key
from routing.snapshot import health, test_health
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER, DONE, FINISH, ROLE, STREAM, WORDS
from tests.gateway.test_chat_fallback import FAILURES
from tests.gateway.test_server import serving

OK = scripted.whole(ANSWER)


def asked(provider):
    """Which providers were asked, in order."""
    return [request.path.split("/")[1] for request in provider.requests]


def fail(ask, provider, times=5, reply=FAILURES["server"]):
    """`times` requests that alpha fails and beta answers."""
    provider.say("alpha", *[reply] * times)
    provider.say("beta", *[OK] * times)
    for _ in range(times):
        ask()
    provider.requests.clear()


def test_a_model_whose_breaker_is_open_is_passed_over(ask, provider):
    fail(ask, provider)
    provider.say("beta", OK)
    answer = ask()
    assert asked(provider) == ["beta"]
    assert answer.x_routeplex["passed_over"] == ["alpha/alpha-1"]
    assert (answer.x_routeplex["attempts"], answer.x_routeplex["fallback_used"]) == (1, True)


def test_with_none_left_the_least_bad_is_tried(ask, provider):
    fail(ask, provider)
    provider.say("alpha", OK)
    answer = ask(extra_headers={"X-RoutePlex-Fallback": "off"})
    assert answer.choices[0].message.content == "Hello!"
    assert asked(provider) == ["alpha"]


def test_after_a_while_one_probe_and_then_a_ramp(ask, provider, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.3)
    fail(ask, provider)
    time.sleep(0.8)
    provider.say("alpha", scripted.whole(ANSWER), OK)
    provider.replies["alpha"][0].pieces = [0.5, *OK.pieces]  # the probe takes its time
    provider.say("beta", *[OK] * 5)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(ask) for _ in range(4)]:
            done.result()
    assert sorted(asked(provider)) == ["alpha", "beta", "beta", "beta"]
    assert health.of("alpha/alpha-1").breaker.rung == 1


def test_a_probe_that_fails_opens_it_for_longer(ask, provider, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.2)
    fail(ask, provider)
    time.sleep(0.7)  # and the lease of the probe is ours
    fail(ask, provider, 1)
    assert health.of("alpha/alpha-1").breaker.opened == 2


def test_a_probe_whose_caller_hangs_up_leaves_its_place(ask, provider, server, acme, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.2)
    fail(ask, provider)
    time.sleep(0.7)  # and the lease of the probe is ours
    provider.say("alpha", scripted.Reply(pieces=[30.0]), OK)
    body = {"model": "alpha-1", "messages": [{"role": "user", "content": "Hi"}]}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {acme.key}"}, timeout=0.3)
    assert provider.requests[-1].hung_up.wait(1)
    assert ask().x_routeplex["model"] == "alpha/alpha-1"


def test_retry_after_is_a_cool_down_of_that_model(ask, provider):
    provider.say("alpha", scripted.whole({"error": {"message": "slow down"}}, 429, retry_after="1"), OK)
    provider.say("beta", OK, OK)
    ask()
    ask()
    assert asked(provider) == ["alpha", "beta", "beta"]
    time.sleep(1.2)
    assert ask().x_routeplex["model"] == "alpha/alpha-1"


def test_a_credential_that_is_refused_is_passed_over_at_once(ask, provider):
    fail(ask, provider, 1, FAILURES["auth"])
    provider.say("beta", OK)
    assert ask().x_routeplex["passed_over"] == ["alpha/alpha-1"]
    assert asked(provider) == ["beta"]


@pytest.mark.parametrize(
    "reply",
    [
        scripted.whole({"error": {"message": "no"}}, 400),
        scripted.whole({"error": {"message": "flagged", "code": "content_filter"}}, 400),
    ],
    ids=["bad_request", "content_filter"],
)
def test_what_callers_do_wrong_is_told_them_and_blames_nobody(ask, provider, reply):
    provider.say("alpha", *[reply] * 8)
    for _ in range(8):
        with pytest.raises(openai.BadRequestError):
            ask()
    assert asked(provider) == ["alpha"] * 8, "nobody else is asked"
    assert health.ill == set()


def test_a_refusal_is_an_answer(ask, provider):
    refusal = {"index": 0, "message": {"role": "assistant", "content": None, "refusal": "I won't."}, "finish_reason": "stop"}
    filtered = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}
    provider.say("alpha", scripted.whole({**ANSWER, "choices": [refusal]}), scripted.whole({**ANSWER, "choices": [filtered]}))
    assert ask().choices[0].message.refusal == "I won't."
    assert ask().choices[0].finish_reason == "content_filter"
    assert asked(provider) == ["alpha", "alpha"]


def test_a_caller_s_own_impatience_blames_nobody(ask, provider):
    provider.say("alpha", *[scripted.stream(ROLE, 5.0, *WORDS)] * 6)
    provider.say("beta", *[scripted.stream(*STREAM)] * 6)
    for _ in range(6):
        list(ask(stream=True, extra_headers={"X-RoutePlex-First-Token-Timeout": "0.3"}))
    assert health.ill == set()
    assert asked(provider) == ["alpha", "beta"] * 6


def test_a_model_that_hangs_is_to_blame_whoever_set_the_limit(ask, provider, monkeypatch):
    monkeypatch.setattr(witness, "PATIENCE_MS", 250)
    provider.say("alpha", *[scripted.stream(ROLE, 5.0, *WORDS)] * 5)
    provider.say("beta", *[scripted.stream(*STREAM)] * 6)
    for _ in range(6):
        list(ask(stream=True, extra_headers={"X-RoutePlex-First-Token-Timeout": "0.3"}))
    assert asked(provider) == ["alpha", "beta"] * 5 + ["beta"]


def test_our_own_limit_blames_the_model(ask, provider, monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_TOKEN_MS", 300)
    provider.say("alpha", *[scripted.stream(ROLE, 5.0, *WORDS)] * 5)
    provider.say("beta", *[scripted.stream(*STREAM)] * 6)
    for _ in range(6):
        list(ask(stream=True))
    assert asked(provider)[-1] == "beta" and asked(provider).count("alpha") == 5


def test_speeds_are_measured(ask, provider):
    tokens = [scripted.stream(ROLE, 0.05, WORDS[0], 0.1, WORDS[1], FINISH, USAGE_OF_20, DONE)] * 3
    provider.say("alpha", *tokens)
    for _ in range(3):
        list(ask(stream=True, stream_options={"include_usage": True}))
    model = health.of("alpha/alpha-1")
    model.fold(time.monotonic())
    assert 50 <= model.ttft_ms < 5000, "the machine may be busy"
    assert 4 < model.ms_per_output_token < 500, "100 ms for 20 tokens, or more"


USAGE_OF_20 = (
    b'data: {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], '
    b'"usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}}\n\n'
)

# --- how often anything is tried


def test_retries_and_fallbacks_share_one_budget(ask, provider):
    short = scripted.whole({"error": {"message": "slow down"}}, 429, retry_after_ms="50")
    for name in ("alpha", "beta"):
        provider.say(name, short, OK)
    with pytest.raises(openai.APIStatusError):
        ask(extra_headers={"X-RoutePlex-Fallback": "1"})
    assert asked(provider) == ["alpha", "beta"]


def test_the_same_model_again_after_a_short_wait(sdk, provider, acme, monkeypatch):
    """A key that may use one model has no other candidate."""
    monkeypatch.setattr(plan, "JITTER_S", 0.01)
    acme.row.allowed_models = ["alpha/alpha-1"]
    acme.row.save()
    provider.say("alpha", scripted.whole({"error": {"message": "slow down"}}, 429, retry_after_ms="200"), OK)
    began = time.monotonic()
    answer = sdk.chat.completions.create(model="alpha-1", messages=[{"role": "user", "content": "Hi"}])
    assert time.monotonic() - began >= 0.2
    assert (answer.x_routeplex["attempts"], answer.x_routeplex["fallback_used"]) == (2, False)
    assert asked(provider) == ["alpha", "alpha"]


def test_a_long_wait_is_told_instead(sdk, provider, acme):
    acme.row.allowed_models = ["alpha/alpha-1"]
    acme.row.save()
    provider.say("alpha", scripted.whole({"error": {"message": "slow down"}}, 429, retry_after="30"))
    with pytest.raises(openai.RateLimitError) as raised:
        sdk.chat.completions.create(model="alpha-1", messages=[{"role": "user", "content": "Hi"}])
    assert raised.value.response.headers["retry-after"] == "30"
    assert asked(provider) == ["alpha"]


def test_a_stale_connection_is_made_anew(ask, provider):
    """The provider had closed it; it has seen nothing of the request."""
    provider.say("alpha", scripted.HANG_UP, OK)
    answer = ask()
    assert answer.x_routeplex["model"] == "alpha/alpha-1"
    assert asked(provider) == ["alpha", "alpha"]


def test_a_provider_that_hangs_up_each_time_is_left(ask, provider):
    provider.say("alpha", scripted.HANG_UP, scripted.HANG_UP)
    provider.say("beta", OK)
    assert ask().x_routeplex["model"] == "beta/beta-1"
    assert asked(provider) == ["alpha", "alpha", "beta"]


def test_a_fallback_can_do_what_the_request_needs(ask, provider):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    provider.say("alpha", *[OK] * 3)
    with pytest.raises(openai.APIStatusError):
        ask(model="ant-1", tools=[tool])
    assert len(provider.requests) == 3
    assert "alpha" not in asked(provider), "it has no tools, and it would have answered"


def test_an_outage_does_not_multiply_the_load(server, acme, provider):
    """Everything fails, for many callers at once: breakers and the shared budget hold back what is tried again."""
    acme.row.allowed_models = ["alpha/alpha-1", "beta/beta-1", "ant/ant-1", "goo/goo-1"]
    acme.row.save()
    for name in ("alpha", "beta", "ant", "goo"):
        provider.say(name, *[scripted.Reply(503, pieces=[0.05, b"{}"])] * 500)
    body = {"model": "alpha-1", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {acme.key}"}

    def call(_):
        return client.post(f"{server}/v1/chat/completions", json=body, headers=headers).status_code

    with httpx.Client(timeout=20) as client, ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(call, range(200)))
    assert set(statuses) <= {502, 503}
    assert len(provider.requests) < 2 * 200, "three attempts each would be 600"


def test_test_keys_do_not_open_breakers_of_live_ones(server, sdk, provider, acme, sandbox):
    from accounts.keys import create_key

    _, key = create_key(acme.tenant, "test", test=True)
    fault = {"model": "*", "kind": "status", "status": 500}
    httpx.put(f"{sandbox}/control/faults", json=fault).raise_for_status()
    try:
        with openai.OpenAI(base_url=f"{server}/v1", api_key=key, max_retries=0) as client:
            for _ in range(6):
                with pytest.raises(openai.APIStatusError):
                    client.chat.completions.create(model="gpt-5.4-mini", messages=[{"role": "user", "content": "Hi"}])
    finally:
        httpx.post(f"{sandbox}/control/reset").raise_for_status()
    assert test_health.ill
    assert not health.ill
    client = sdk.chat.completions.create(model="gpt-5.4-mini", messages=[{"role": "user", "content": "Hi"}])
    assert "passed_over" not in client.x_routeplex


# --- two servers


def test_two_servers_share_a_breaker_within_a_second(ask, provider, acme, tmp_path, redis_url, monkeypatch):
    monkeypatch.setenv("REDIS_URL", redis_url)
    with serving(tmp_path, provider.url) as (_, port):
        ask_at(port, acme.key)
        fail(ask, provider, 6)
        provider.say("beta", *[OK] * 20)
        began = time.monotonic()
        while "passed_over" not in ask_at(port, acme.key):
            assert time.monotonic() - began < 1.0
            time.sleep(0.1)


def ask_at(port, key):
    body = {"model": "alpha-1", "messages": [{"role": "user", "content": "Hi"}]}
    url, headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"authorization": f"Bearer {key}"}
    return httpx.post(url, json=body, headers=headers, timeout=10).json().get("x_routeplex", {})


# --- active probes


async def test_an_active_probe_closes_a_breaker_without_a_caller(server, provider, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.0)
    monkeypatch.setattr(transport, "_session", None)  # the server's is there again afterwards
    store, now = HealthStore(), time.monotonic()
    for _ in range(5):
        store.failed("server", "alpha/alpha-1", credential_key("alpha"), 1, now, now)
    provider.say("alpha", FAILURES["server"], OK)
    await transport.open()
    try:
        for expected in (2, 2):
            (step,) = probes.due(store, time.monotonic())
            assert probes.due(store, time.monotonic()) == [], "one at a time"
            await probes.probe(step, store)
            assert store.of("alpha/alpha-1").breaker.opened == expected
    finally:
        await transport.close()
    assert store.of("alpha/alpha-1").breaker.rung == 1
    assert provider.requests[0].json["max_tokens" if "max_tokens" in provider.requests[0].json else "max_completion_tokens"] == 16


def test_probes_are_off_unless_turned_on():
    assert settings.ACTIVE_PROBES is False
