"""Was this asked before? With an `Idempotency-Key`, the same request is answered once and told again.

The first request with a key claims it in the database (gateway/claims.py): such a request
waits for the database, because it asked for it; without the header nothing of this is touched. The answer of the
first is made by a task of its own (gateway/firsts.py), which comes to its end even when its caller has gone: whoever
lost the connection asks again and is told what was paid for. A process that died leaves a claim that nobody takes over,
because nobody knows what it had spent: that is told, too, and never guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from weakref import WeakValueDictionary

from django.db import Error as DatabaseError

from accounts.keys import token_in
from gateway import claims, firsts
from gateway.chat import Call, answer, begun
from gateway.claims import LOST_AFTER_S, Claim, First, Question
from gateway.drain import at_work
from gateway.errors import IdempotencyConflict, IdempotencyRunning, IdempotencyUnavailable, IdempotencyUnknown, InvalidValue
from gateway.record import recording
from gateway.tally import Tally
from gateway.transcripts import Keys, Reply, keys_of, unsealed
from gateway.wire import Head

NAME, HEADER = "Idempotency-Key", b"idempotency-key"
MAX_KEY = 255  # characters
CLAIM_S = 5.0  # the database must have answered within this time, or no money is spent
AT_ONCE = 2  # questions of one API key to the database: half of the threads, whatever somebody sends

_turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


def answer_once(call: Call) -> AsyncGenerator[Head | bytes]:
    """chat.answer, or what the first request with this one's Idempotency-Key was answered. Every format's way in."""
    return _answer_once(call) if HEADER in call.headers else answer(call)


async def _answer_once(call: Call) -> AsyncGenerator[Head | bytes]:
    tally = begun(call)
    with at_work():
        try:
            tally.request = call.wire.parse(call.body, call.headers, call.id)
            keys = keys_of(token_in(call.headers))
            question = _question(call, keys)
            found = await _claimed(question, call.id)
            pieces = (
                firsts.answers(call, tally, found, keys.seal)
                if isinstance(found, Claim)
                else _again(tally, _told(found, question, keys))
            )
        except BaseException:
            with recording(tally):
                raise
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece


def _question(call: Call, keys: Keys) -> Question:
    key = call.headers[HEADER]
    if not 1 <= len(key) <= MAX_KEY or not all(0x20 < byte < 0x7F for byte in key):
        raise InvalidValue(f"{NAME} has 1 to {MAX_KEY} printable ASCII characters and no spaces.", param=NAME)
    return Question(
        tenant_id=call.caller.tenant_id,
        key_id=call.caller.key_id,
        name=keys.marked(b"name", key),
        fingerprint=keys.marked(b"question", call.wire.__name__.encode(), call.body),
    )


async def _claimed(question: Question, request_id: str) -> Claim | First:
    """Raises IdempotencyUnavailable: no money has been spent then."""
    turn = _turns.setdefault(question.key_id, asyncio.Semaphore(AT_ONCE))
    asked: asyncio.Future[Claim | First] | None = None
    try:
        async with asyncio.timeout(CLAIM_S), turn:
            if (first := firsts.running_here(question)) is not None:
                return first
            asked = asyncio.ensure_future(firsts.database(claims.claim, question, request_id))
            return await asyncio.shield(asked)
    except DatabaseError as error:
        raise IdempotencyUnavailable from error
    except (TimeoutError, asyncio.CancelledError) as error:
        if asked is not None:
            asked.add_done_callback(firsts.give_back)
        if isinstance(error, TimeoutError):
            raise IdempotencyUnavailable from error
        raise


def _told(first: First, question: Question, keys: Keys) -> Reply:
    """What the first was answered. Raises what there is to say instead."""
    if first.fingerprint != question.fingerprint:
        raise IdempotencyConflict(first.request_id)
    if first.state == claims.State.RUNNING:
        if first.silent_s < LOST_AFTER_S:
            raise IdempotencyRunning(first.request_id)
        raise IdempotencyUnknown(first.request_id, "process_lost", "the process that answered it was lost")
    if first.answer is None:
        raise IdempotencyUnknown(first.request_id, "too_long", "its answer was too long to be kept")
    return unsealed(first.answer, keys.seal, question.about(first.request_id))


async def _again(tally: Tally, reply: Reply) -> AsyncGenerator[Head | bytes]:
    with recording(tally) as record:
        tally.replayed = reply.status
        yield reply.head(tally.request_id)
        record.ended(None)  # before the last byte leaves
        yield reply.body
