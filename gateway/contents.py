"""What was asked and answered, of tenants that want it kept: noted here, written behind the requests, sealed at once.

A note only holds on to what is there anyway. Twice a second a thread seals the notes (accounts/envelopes.py) and writes
them into a file beside the journal; the recorder puts them into the database (gateway/kept.py). No plaintext is ever
written. Contents are no money: notes of a process that is killed are lost, half a second of them at most, and they
are dropped where disk or memory has no room.
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from accounts.envelopes import seal
from accounts.ids import request_id as unique
from gateway.tally import Tally
from gateway.wire import Answer
from routing.types import Completion

EVERY_S = 0.5
ASKED_BYTES = 256 * 1024  # kept of a request's body
NOTED_BYTES = 4 * 2**20  # noted of a stream: its chunks are many times its text
WAITING_BYTES = 64 * 2**20  # notes that have not been written yet
FOLDER, READY, NEW = "contents", ".contents", ".new"
Piece = bytes | list[dict[str, Any]]  # of a stream: choices, or the JSON that begins with them (Delta.raw)

log = logging.getLogger("routeplex.contents")


class Note(Struct, frozen=True, array_like=True):
    """Of one request. `choices` are those of a whole answer, `pieces` those of a stream."""

    asked: bytes
    asked_bytes: int  # how long it was
    choices: list[dict[str, Any]]
    pieces: list[Piece]
    complete: bool  # all of the answer is here

    def size(self) -> int:
        return len(self.asked) + sum(map(_size, self.pieces))


class Sealed(Struct, frozen=True, array_like=True):
    tenant_id: str
    request_id: str
    received_at: float
    note: bytes


_waiting: list[tuple[Tally, Note]] = []
_waiting_bytes = 0


def about(tenant_id: str, request_id: str) -> str:
    """What the envelope of a request's contents belongs to."""
    return f"{tenant_id}|{request_id}|contents|1"


async def noted(answers: AsyncGenerator[Answer], body: bytes, tally: Tally) -> AsyncGenerator[Answer]:
    """The same answers; what they were is noted however they end."""
    choices: list[dict[str, Any]] = []
    pieces: list[Piece] = []
    room, ended = NOTED_BYTES, False
    try:
        async with aclosing(answers):
            async for answer in answers:
                if isinstance(answer, Completion):
                    choices = list(answer.choices)
                elif room > 0:
                    burst = _pieces(answer)
                    pieces += burst
                    room -= sum(map(_size, burst))
                yield answer
        ended = True
    finally:
        _note(tally, Note(body[:ASKED_BYTES], len(body), choices, pieces, bool(choices) or (ended and room > 0)))


def _pieces(burst: Sequence[Any]) -> list[Piece]:
    return [delta.raw if delta.raw is not None else list(delta.choices) for delta in burst if delta.raw or delta.choices]


def _size(piece: Piece) -> int:
    """About how much memory it holds."""
    if isinstance(piece, bytes):
        return len(piece)
    return sum(200 + sum(len(text) for text in choice.get("delta", {}).values() if isinstance(text, str)) for choice in piece)


def _note(tally: Tally, note: Note) -> None:
    global _waiting_bytes
    size = note.size()
    if _waiting_bytes + size > WAITING_BYTES:
        log.warning("there is no room for what request %s asked and was answered", tally.request_id)
        return
    _waiting_bytes += size
    _waiting.append((tally, note))


# --- behind the requests


async def keep_written(folder: Path) -> None:
    """For ever; `folder` is the journal's."""
    while True:
        await asyncio.sleep(EVERY_S)
        await write(folder)


async def write(folder: Path) -> None:
    """What waits, in one file; a thread seals and writes it."""
    global _waiting_bytes
    notes, _waiting[:] = _waiting[:], []
    if notes:
        try:
            await asyncio.to_thread(_write, folder / FOLDER, notes)
        except OSError:
            log.exception("what %d requests asked and were answered could not be written", len(notes))
        finally:
            _waiting_bytes -= sum(note.size() for _, note in notes)


def _write(folder: Path, notes: Sequence[tuple[Tally, Note]]) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / f"{unique()[4:]}{READY}"
    fresh = file.with_suffix(NEW)
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(msgspec.msgpack.encode([_sealed(tally, note) for tally, note in notes]))
        fresh.rename(file)  # whole, or not there
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _sealed(tally: Tally, note: Note) -> Sealed:
    tenant, plain = tally.caller.tenant_id, zlib.compress(msgspec.msgpack.encode(note), 1)
    return Sealed(tenant, tally.request_id, tally.received_at, seal(plain, about(tenant, tally.request_id)))
