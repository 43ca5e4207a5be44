"""One chat request, from the caller's bytes to ours: the whole product on one page."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime

from django.conf import settings
from msgspec import Struct

from gateway import budgets, contents
from gateway.drain import at_work
from gateway.execute import execute
from gateway.limits import admitted
from gateway.record import recording
from gateway.tally import Tally
from gateway.tracing import trace_of
from gateway.wire import Head, Wire
from routing import conversations
from routing.classify import classify
from routing.decide import decide
from routing.snapshot import current
from routing.types import Caller


class Call(Struct, frozen=True, kw_only=True):
    """A request as it arrived, from someone we know."""

    id: str
    caller: Caller
    wire: Wire
    headers: Mapping[bytes, bytes]  # names in lower case
    body: bytes


def begun(call: Call) -> Tally:
    """What has happened to it so far: it has come."""
    trace = trace_of(call.headers, call.id, settings.TRACES_SHARE) if settings.TRACES_URL else None
    return Tally(request_id=call.id, caller=call.caller, received_at=time.time(), started=time.monotonic(), trace=trace)


async def answer(call: Call, tally: Tally | None = None) -> AsyncGenerator[Head | bytes]:
    """A Head, then bytes. Raises what gateway.errors has a row for; one row is recorded whatever happens. `tally`: of
    whoever began the request and wants to know what became of it (gateway/firsts.py)."""
    tally = tally or begun(call)
    with at_work(), recording(tally) as record:
        tally.request = request = tally.request or call.wire.parse(call.body, call.headers, call.id)
        tally.classification = classification = classify(request)
        today = datetime.fromtimestamp(tally.received_at, UTC).date()
        tally.conversation = conversation = conversations.key_of(call.caller.tenant_id, request)
        incumbent = conversations.incumbent(conversation)
        left = budgets.left_of(call.caller, tally.received_at)
        lot = conversations.lot_of(conversation)
        view = current(call.caller)
        tally.decision = decision = decide(request, classification, view, call.caller, today, incumbent, left, lot)
        try:
            async with admitted(decision, tally) as allowed:
                answers = execute(allowed, request, tally, record)
                if call.caller.keeps_contents:
                    answers = contents.noted(answers, call.body, tally)
                async with aclosing(answers), aclosing(call.wire.render(request, answers, tally)) as pieces:
                    async for piece in pieces:
                        yield piece
        finally:  # who has the last piece asks for no more
            if tally.served is not None:
                conversations.served(conversation, tally.served.model.id, tally.usage.total_tokens)
