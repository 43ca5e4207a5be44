"""What a request costs is what its provider bills: through the front door, in each dialect, whatever the end."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import openai
import pytest

from gateway.models import LedgerEntry
from tests.gateway.conftest import ANSWER, DONE, FINISH, ROLE, WORDS, chunk
from tests.upstream import Reply, stream, whole

HELLO = {"role": "user", "content": "Hi"}


def claude(**usage):
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "ant-1", "stop_reason": "end_turn"}
    return answer | {"content": [{"type": "text", "text": "Hello!"}], "usage": usage}


def event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def entered(logged, tenant):
    """Kinds and USD of what the ledger says, in the order of the attempts."""
    logged(tenant=tenant)
    return list(LedgerEntry.objects.filter(tenant=tenant).order_by("attempt").values_list("kind", "amount_usd"))


WRITTEN = {
    "input_tokens": 10,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600},
    "output_tokens": 1,
}
# 10 at 3 USD a million, 100 at 0.3, 400 at 3.75, 600 at 6; and an output of 20 at 15
WRITTEN_USD = Decimal("0.000030") + Decimal("0.000030") + Decimal("0.0015") + Decimal("0.0036") + Decimal("0.0003")


def test_what_is_cached_for_an_hour_has_its_own_price(ask, acme, provider, logged):
    provider.say("ant", whole(claude(**WRITTEN | {"output_tokens": 20})))
    ask(model="ant/ant-1")
    assert entered(logged, acme.tenant) == [("usage", WRITTEN_USD)]


def test_and_in_a_stream(ask, acme, provider, logged):
    start = event("message_start", message=claude(**WRITTEN) | {"content": [], "stop_reason": None})
    words = [
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello!"}),
        event("content_block_stop", index=0),
    ]
    end = [event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 20}), event("message_stop")]
    provider.say("ant", stream(start, *words, *end))
    list(ask(model="ant/ant-1", stream=True))
    assert entered(logged, acme.tenant) == [("usage", WRITTEN_USD)]


# --- service tiers. ANSWER has 6 tokens of fresh input, 4 of cached and 5 of output

DEFAULT, FLEX, PRIORITY = Decimal("0.0000164"), Decimal("0.0000082"), Decimal("0.0000492")


@pytest.mark.parametrize(
    ("asked", "served", "usd"),
    [
        ("flex", "flex", FLEX),
        ("priority", "priority", PRIORITY),
        ("fast", None, PRIORITY),  # a server that does not say
        ("priority", "default", DEFAULT),  # there was no room in it
        ("auto", "priority", PRIORITY),  # the project's own default
        (None, "flex", FLEX),
        (None, "scale", DEFAULT),  # of a contract that we do not know
        (None, ["odd"], DEFAULT),
    ],
)
def test_the_tier_that_served_is_what_is_billed(ask, acme, provider, logged, asked, served, usd):
    provider.say("alpha", whole(ANSWER | ({"service_tier": served} if served else {})))
    ask(**({"service_tier": asked} if asked else {}))
    assert entered(logged, acme.tenant) == [("usage", usd)]


def test_a_tier_of_which_nobody_knows_the_price_is_refused_before_anything_is_sent(ask, acme, provider, logged):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(model="beta/beta-1", service_tier="priority")
    assert (refused.value.param, provider.requests) == ("service_tier", [])
    assert entered(logged, acme.tenant) == []


def test_a_stream_in_a_tier(ask, acme, provider, logged):
    provider.say("alpha", stream(ROLE, *WORDS, FINISH, chunk({}, choices=[], usage=ANSWER["usage"], service_tier="flex"), DONE))
    list(ask(stream=True, service_tier="flex"))
    assert entered(logged, acme.tenant) == [("usage", FLEX)]


# --- what nobody counted for us


def test_a_cut_stream_is_estimated_at_the_price_of_its_tier(ask, acme, provider, logged):
    provider.say("alpha", stream(ROLE, *WORDS, cut=True))
    with pytest.raises(openai.APIError):
        list(ask(stream=True, service_tier="priority"))
    [(kind, usd)] = entered(logged, acme.tenant)
    [request] = logged(tenant=acme.tenant)
    assert kind == "estimate" and request.usage_estimated and request.output_tokens == 2  # six letters, four a token
    assert usd == Decimal(3 * request.input_tokens + 6 * request.output_tokens) / 10**6


def test_who_hangs_up_on_a_stream_pays_for_what_was_read_and_said(sdk, acme, provider, logged):
    provider.say("alpha", stream(ROLE, *WORDS, 20.0))
    answer = sdk.chat.completions.create(model="alpha/alpha-1", messages=[HELLO], stream=True)
    assert [next(answer) for _ in range(2)]
    answer.close()
    [request] = until_there(lambda: logged(tenant=acme.tenant))
    [(kind, usd)] = entered(logged, acme.tenant)
    assert (request.status, kind) == ("client_gone", "estimate")
    assert usd == Decimal(request.input_tokens + 2 * request.output_tokens) / 10**6 > 0


def test_who_hangs_up_on_a_whole_answer_pays_for_what_was_read(acme, server, provider, logged):
    provider.say("alpha", Reply(pieces=[20.0]))
    impatient = openai.OpenAI(base_url=f"{server}/v1", api_key=acme.key, max_retries=0, timeout=2)
    with impatient, pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="alpha/alpha-1", messages=[HELLO])
    [request] = until_there(lambda: logged(tenant=acme.tenant))
    assert entered(logged, acme.tenant) == [("estimate", Decimal(request.input_tokens) / 10**6)]
    assert (request.status, request.output_tokens) == ("client_gone", 0) and request.input_tokens > 0


def test_an_empty_answer_that_was_counted_is_part_of_the_cost(ask, acme, provider, logged):
    nothing = ANSWER | {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}
    provider.say("alpha", whole(nothing), whole(nothing))
    provider.say("beta", whole(ANSWER))
    ask()
    costs = entered(logged, acme.tenant)
    [request] = logged(tenant=acme.tenant)
    assert [kind for kind, _ in costs] == ["usage"] * len(request.attempts) and len(costs) > 1
    assert sum(usd for _, usd in costs) == request.cost_usd
    assert costs[0] == ("usage", DEFAULT)


def test_an_attempt_that_is_refused_costs_nothing(ask, acme, provider, logged):
    provider.say("alpha", *[whole({"error": {"message": "busy"}}, 503)] * 2)
    provider.say("beta", whole(ANSWER))
    ask()
    assert entered(logged, acme.tenant) == [("usage", Decimal("0.0002"))]


def until_there(rows):
    """The recorder is told of a hang-up a moment later."""
    deadline = time.monotonic() + 20
    while not (found := rows()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
