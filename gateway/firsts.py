"""How is the first request with an Idempotency-Key answered? As any other, by a task that does not end with its caller.

its caller reads        pieces pass on as they come, no faster than they are read
its caller has gone     the answer is made to its end all the same, and kept
a provider was asked    what came of it is kept, errors too; before the last of it leaves
nobody was asked        the key is released
the database is away    the answer leaves; it waits in memory, at most SETTLE_S, to be kept
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import Any

from channels.db import DatabaseSyncToAsync
from django.db import Error as DatabaseError

from gateway import claims, sse
from gateway.chat import Call, answer
from gateway.claims import BEAT_S, Claim, First, Question
from gateway.errors import INTERNAL, Stopping, describe
from gateway.journal import JournalUnavailable
from gateway.tally import Tally
from gateway.transcripts import Transcript
from gateway.wire import Head

SETTLE_S = 300.0
SETTLE_EVERY_S = 1.0
TRY_S = 3.0  # a database that hangs holds back no answer for longer; to keep or release twice does no harm
LEAVE_S = 5.0  # a process that ends gives its answers this long to be kept
AHEAD = 16  # pieces of a stream that wait for their reader
DATABASE_THREADS = 4  # of their own: nobody without the header waits for a thread because of these

log = logging.getLogger("routeplex.idempotency")
_threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="claims")
_here: dict[tuple[str, str], Claim] = {}  # what this process is answering; by API key and name
_runs: set[asyncio.Task[None]] = set()


async def database[**P, T](ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `ask` says, in a thread that may wait."""
    done: T = await DatabaseSyncToAsync(ask, thread_sensitive=False, executor=_threads)(*args, **kwargs)
    return done


def running_here(question: Question) -> First | None:
    """Without asking the database."""
    if (claim := _here.get((question.key_id, question.name))) is None:
        return None
    return First(
        request_id=claim.request_id, fingerprint=claim.question.fingerprint, state=claims.State.RUNNING, silent_s=0, answer=None
    )


async def answers(call: Call, tally: Tally, claim: Claim, seal: bytes) -> AsyncGenerator[Head | bytes]:
    """chat.answer(call), for as long as somebody reads it."""
    reader = _Reader()
    _behind(claim, _run(call, tally, claim, seal, reader))
    try:
        while (piece := await reader.next()) is not None:
            yield piece
    finally:
        reader.leave()


class _Reader:
    """Who gets the pieces, and may leave: then nobody waits for him any more."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[Head | bytes | Exception | None] = asyncio.Queue(AHEAD)
        self._gone = False

    async def put(self, piece: Head | bytes | Exception | None) -> None:
        """None is the end; an exception, too, which he gets raised."""
        if not self._gone:
            await self._pieces.put(piece)
        elif isinstance(piece, Exception) and describe(piece).status == INTERNAL.status:
            log.error("a request broke whose caller had gone", exc_info=piece)

    async def next(self) -> Head | bytes | None:
        piece = await self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        return piece

    def leave(self) -> None:
        self._gone = True
        while not self._pieces.empty():
            self._pieces.get_nowait()


async def _run(call: Call, tally: Tally, claim: Claim, seal: bytes, reader: _Reader) -> None:
    transcript = Transcript()
    ending: Exception | None = None
    last: bytes | None = None  # who has it may ask again at once: it is kept before
    try:
        async with aclosing(answer(call, tally)) as pieces:
            async for piece in pieces:
                transcript.add(piece)
                if isinstance(piece, bytes) and (transcript.is_whole or piece.endswith(sse.DONE)):
                    last = piece
                else:
                    await reader.put(piece)
    except asyncio.CancelledError:  # the process is leaving
        ending = Stopping()
    except Exception as error:
        ending = error
    settle = _settlement(call, tally, claim, seal, transcript, ending)
    settled = await _tried(settle)
    if last is not None:
        await reader.put(last)
    await reader.put(ending)
    await _settled(settle, settled)


def _settlement(
    call: Call, tally: Tally, claim: Claim, seal: bytes, transcript: Transcript, ending: Exception | None
) -> Callable[[], None]:
    """What becomes of the claim."""
    asked = len(tally.attempts) - isinstance(ending, JournalUnavailable)  # that attempt was not made
    if not asked:
        return partial(claims.release, claim)
    if ending is not None and transcript.head is None:
        for piece in call.wire.error(ending, call.id):
            transcript.add(piece)
    elif ending is not None:
        transcript.add(call.wire.error_event(ending, call.id))
    return partial(claims.keep, claim, None if transcript.too_long else transcript.reply(), seal)


async def _tried(settle: Callable[[], None]) -> bool:
    try:
        async with asyncio.timeout(TRY_S):
            await database(settle)
    except (DatabaseError, TimeoutError):
        return False
    return True


async def _settled(settle: Callable[[], None], settled: bool = False) -> None:
    """Tries until the database is back, or nobody would ask any more."""
    give_up = time.monotonic() + SETTLE_S
    while not settled and time.monotonic() < give_up:
        await asyncio.sleep(SETTLE_EVERY_S)
        settled = await _tried(settle)
    if not settled:
        log.error("an answer could not be kept: its Idempotency-Key says `idempotency_unknown` from now on")


def give_back(asked: asyncio.Future[Claim | First]) -> None:
    """The database answered when nobody waited any more: the key must not stay claimed for nothing."""
    if not asked.cancelled() and asked.exception() is None and isinstance(claim := asked.result(), Claim):
        _behind(claim, _settled(partial(claims.release, claim)))


def _behind(claim: Claim, work: Coroutine[Any, Any, None]) -> None:
    """`work` is this process's, and so is the claim until it is done."""
    place = (claim.question.key_id, claim.question.name)
    _here[place] = claim
    task = asyncio.create_task(work)
    _runs.add(task)

    def done(task: asyncio.Task[None]) -> None:
        _runs.discard(task)
        del _here[place]

    task.add_done_callback(done)


async def beat() -> None:
    """Tells the database, for ever, that this process is still at its claims."""
    while True:
        await asyncio.sleep(BEAT_S)
        if _here:
            with contextlib.suppress(DatabaseError):
                await database(claims.beat, list(_here.values()))


async def finish() -> None:
    """The answers of a process that ends are kept, as far as the database takes them."""
    if _runs:
        await asyncio.wait(set(_runs), timeout=LEAVE_S)
    for task in tuple(_runs):
        task.cancel()
