"""How is this gateway process? A small file beside its journal, written anew every second, for the recorder to read.

What happened to requests stands in the journal, and the recorder counts it (gateway/metrics.py); here stands what only the
process itself knows. So a request pays nothing for being measured, and a killed process takes no counter with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from accounts import keys
from gateway import drain
from gateway.journal import process_name
from gateway.limits import without_redis
from routing.health import State
from routing.snapshot import health_of

EVERY_S = 1.0
SILENT_S = 10.0  # vitals older than this are of a process that hangs, or is gone
SUFFIX = ".vitals"


class Vitals(Struct, frozen=True, kw_only=True):
    """Of one process, at one moment."""

    at: float  # Unix seconds
    in_flight: int
    lag_s: float  # how late the event loop came back from a sleep
    keys_age_s: float | None  # since the database was last asked which keys have changed; None: never
    leaving: bool
    without_redis: bool
    targets: dict[str, State]  # that are not well: models, and credentials


async def tell(folder: Path) -> None:
    """For ever; the file is gone when the process leaves."""
    path = folder / f"{process_name()}{SUFFIX}"
    try:
        while True:
            slept = time.monotonic()
            await asyncio.sleep(EVERY_S)
            _write(path, _vitals(lag_s=time.monotonic() - slept - EVERY_S))
    finally:
        path.unlink(missing_ok=True)


def _vitals(*, lag_s: float) -> Vitals:
    now, store = time.monotonic(), health_of(test=False)
    seen = keys.watched_at()
    return Vitals(
        at=time.time(),
        in_flight=drain.running(),
        lag_s=max(0.0, lag_s),
        keys_age_s=None if seen is None else now - seen,
        leaving=drain.leaving(),
        without_redis=without_redis(),
        targets={target: store.of(target).state(now) for target in store.ill},
    )


def _write(path: Path, vitals: Vitals) -> None:
    """A reader sees the old one or the new one. Where the disk is full, it is the old one that tells."""
    fresh = path.with_suffix(".new-vitals")
    with contextlib.suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(vitals))
        fresh.replace(path)


def read(folder: Path) -> Iterator[tuple[str, Vitals]]:
    """(process, vitals) of every process that left some; what cannot be read is left out."""
    for path in folder.glob("*" + SUFFIX):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            yield path.stem, msgspec.json.decode(path.read_bytes(), type=Vitals)


def forget(folder: Path, process: str) -> None:
    """Of a process that is dead."""
    (folder / f"{process}{SUFFIX}").unlink(missing_ok=True)
