"""Requests and tokens a minute, requests at once: for a tenant, for a key, for a model; with Redis and without."""

from __future__ import annotations

import asyncio
import time

import httpx
import msgspec
import openai
import pytest

from accounts import keys
from accounts.models import Limit
from gateway.buckets import Full, Sizes
from gateway.rates import Claim, Rates
from tests import redis_server
from tests.conftest import PATIENCE_S
from tests.gateway.conftest import ANSWER
from tests.upstream import Reply, whole


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setattr("gateway.rates.TIMEOUT_S", PATIENCE_S)


HELLO = {"model": "openai/gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def ask(sdk):
    def ask(**more):
        return sdk.chat.completions.create(**{**HELLO, **more})

    return ask


@pytest.fixture
def limited(acme):
    """Sets a limit; the gateway hears of it at once."""

    def limited(**sizes):
        Limit.objects.create(tenant=acme.tenant, **sizes)
        keys.forget_all()

    return limited


def test_what_a_limit_lets_through_and_what_not(ask, sdk, limited):
    limited(requests_per_minute=3)
    for left in (2, 1, 0):
        answer = sdk.chat.completions.with_raw_response.create(
            model="openai/gpt-6-luna", messages=[{"role": "user", "content": "Hi"}]
        )
        assert answer.headers["x-ratelimit-limit-requests"] == "3"
        assert answer.headers["x-ratelimit-remaining-requests"] == str(left)
    with pytest.raises(openai.RateLimitError) as refused:
        ask()
    told = refused.value
    assert told.code == "rate_limited"
    assert told.body["details"]["limit"] == "tenant_requests" and told.body["details"]["size"] == 3
    assert 15 <= int(told.response.headers["retry-after"]) <= 20
    assert told.response.headers["x-should-retry"] == "true"


def test_a_request_that_is_refused_asks_nobody_and_leaves_a_row(ask, acme, limited, logged):
    limited(requests_per_minute=1)
    ask()
    with pytest.raises(openai.RateLimitError):
        ask()
    rows = logged(tenant=acme.tenant)
    assert [(row.status, row.http_status, len(row.attempts)) for row in rows] == [("ok", 200, 1), ("refused", 429, 0)]


def test_tokens_count_as_what_was_really_used(sdk, limited, acme):
    """An answer of the sandbox takes about a hundred tokens, far fewer than the 300 that are set aside before it."""
    limited(tokens_per_minute=1000)
    send = sdk.chat.completions.with_raw_response.create
    left = []
    for _ in range(3):
        answer = send(model="openai/gpt-6-luna", messages=[{"role": "user", "content": "Hi"}], max_tokens=300)
        left.append(int(answer.headers["x-ratelimit-remaining-tokens"]))
        time.sleep(0.1)
    assert left[0] - left[1] < 200 and left[1] - left[2] < 200


def test_what_alone_exceeds_the_limit_is_told_not_to_come_again(ask, limited):
    limited(tokens_per_minute=20)
    with pytest.raises(openai.RateLimitError) as refused:
        ask(messages=[{"role": "user", "content": "word " * 1000}])
    assert "this request alone" in refused.value.message
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in refused.value.response.headers


def test_a_key_s_limit_is_not_its_neighbour_s(server, acme, ask):
    _, other = keys.create_key(acme.tenant, "other")
    Limit.objects.create(tenant=acme.tenant, api_key=acme.row, requests_per_minute=1)
    keys.forget_all()
    ask()
    with pytest.raises(openai.RateLimitError) as refused:
        ask()
    assert refused.value.body["details"]["limit"] == "key_requests"
    with openai.OpenAI(base_url=f"{server}/v1", api_key=other, max_retries=0) as theirs:
        assert theirs.chat.completions.create(**HELLO)


def test_a_tenant_s_limit_is_not_another_tenant_s(server, limited, ask):
    from tests.factories import TenantFactory

    limited(requests_per_minute=1)
    ask()
    _, stranger = keys.create_key(TenantFactory(), "theirs")
    with openai.OpenAI(base_url=f"{server}/v1", api_key=stranger, max_retries=0) as theirs:
        assert theirs.chat.completions.create(**HELLO)


def test_a_model_whose_limit_is_full_is_passed_over_by_the_router(ask, limited, acme):
    from routing.models import RoutingRules

    RoutingRules.objects.create(tenant=acme.tenant, allow=["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"], draws=False)
    limited(model="openai/gpt-6-luna", requests_per_minute=1)

    def served():
        return ask(model="routeplex-ai").model_extra["x_routeplex"]["model"]

    assert [served(), served()] == ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"]
    with pytest.raises(openai.RateLimitError) as refused:
        ask(model="openai/gpt-6-luna")
    assert refused.value.body["details"]["model"] == "openai/gpt-6-luna"


def test_a_fallback_counts_under_the_limit_of_the_model_that_it_asks(ask, limited, provider, logged, acme):
    """alpha fails twice; beta may be asked once a minute, so that the second time it is passed over."""
    limited(model="beta/beta-1", requests_per_minute=1)
    provider.say("beta", whole(ANSWER), whole(ANSWER))
    provider.say("alpha", whole({"error": {"message": "no"}}, 500), whole({"error": {"message": "no"}}, 500))
    ask(model="alpha/alpha-1")
    with pytest.raises(openai.InternalServerError):  # who comes after beta was told to say nothing
        ask(model="alpha/alpha-1")
    first, second = logged(tenant=acme.tenant)
    assert [attempt["model"] for attempt in first.attempts] == ["alpha/alpha-1", "beta/beta-1"]
    assert "beta/beta-1" not in [attempt["model"] for attempt in second.attempts]


def test_requests_at_once(server, acme, limited, provider):
    limited(running=2)
    provider.say("alpha", *[Reply(pieces=[0.5, msgspec.json.encode(ANSWER)])] * 3)
    body = {**HELLO, "model": "alpha/alpha-1"}

    async def ask_many(many):
        headers = {"authorization": f"Bearer {acme.key}"}
        async with httpx.AsyncClient(base_url=f"{server}/v1", headers=headers, timeout=20) as client:
            return await asyncio.gather(*(client.post("/chat/completions", json=body) for _ in range(many)))

    answers = asyncio.run(ask_many(5))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429]
    assert [answer.status_code for answer in asyncio.run(ask_many(1))] == [200]


# --- many processes, and Redis gone


def claim(member, requests=0, running=0):
    return Claim(member, ("{t}:all:*",), (Sizes(requests=requests, running=running),), 1)


async def test_processes_share_one_limit():
    with redis_server.running() as redis:
        processes = [Rates(redis.url) for _ in range(4)]
        answers = await asyncio.gather(
            *(p.admit(claim(f"{n}-{i}", requests=10)) for i in range(10) for n, p in enumerate(processes))
        )
        assert sum(not isinstance(answer, Full) for answer in answers) == 10
        for process in processes:
            await process.close()


async def test_without_redis_each_process_counts_its_share_and_nothing_waits():
    with redis_server.running() as redis:
        rates = Rates(redis.url)
        rates.processes = 2
        assert not isinstance(await rates.admit(claim("a", requests=10)), Full)
        redis.stop()
        began = time.monotonic()
        answers = [await rates.admit(claim(f"b{n}", requests=10)) for n in range(10)]
        assert time.monotonic() - began < 2  # one exchange that fails, and none after it
        assert sum(not isinstance(answer, Full) for answer in answers) == 5
        await rates.close()


async def test_redis_comes_back_without_its_scripts(monkeypatch):
    monkeypatch.setattr("gateway.rates.AWAY_S", 0.05)
    with redis_server.running() as redis:
        rates = Rates(redis.url)
        assert not isinstance(await rates.admit(claim("a", requests=3)), Full)
        redis.stop()
        assert not isinstance(await rates.admit(claim("b", requests=3)), Full)
        redis.start()
        await asyncio.sleep(0.3)
        answers = [await rates.admit(claim(f"c{n}", requests=3)) for n in range(4)]
        assert [isinstance(answer, Full) for answer in answers] == [False, False, False, True]
        await rates.close()


async def test_what_still_runs_keeps_its_place(monkeypatch):
    monkeypatch.setattr("gateway.rates.LEASE_S", 0.4)
    monkeypatch.setattr("gateway.rates.BEAT_S", 0.1)
    with redis_server.running() as redis:
        alive, dead = Rates(redis.url), Rates(redis.url)
        assert not isinstance(await alive.admit(claim("a", running=2)), Full)
        assert not isinstance(await dead.admit(claim("b", running=2)), Full)
        beating = asyncio.create_task(alive.beat())
        await asyncio.sleep(1)
        assert not isinstance(await alive.admit(claim("c", running=2)), Full)  # in the place of the dead
        assert isinstance(await alive.admit(claim("d", running=2)), Full)
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        for rates in (alive, dead):
            await rates.close()
