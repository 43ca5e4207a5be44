"""What a request costs is what its provider bills: through the front door, in each dialect, whatever the end."""

from __future__ import annotations

import json
from decimal import Decimal

from gateway.models import LedgerEntry
from tests.upstream import stream, whole

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
