"""How does what the operator sets while we run reach this process? Behind the requests, within a second or two.

Gateway processes `watch`. Workers and the recorder, which have no loop for it, `catch_up` before they begin something.
"""

from __future__ import annotations

import asyncio
import logging
import time

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from accounts import credentials, switches
from routing import overrides
from routing.health_store import credential_key
from routing.snapshot import health_of

EVERY_S = 1.0

log = logging.getLogger("routeplex.operating")
_read_at = float("-inf")


async def watch() -> None:
    """For ever. While the database is away, nothing in it changes."""
    while True:
        try:
            await database_sync_to_async(refresh, thread_sensitive=False)()
        except DatabaseError:
            pass
        except Exception:  # whatever it was, the next change must reach us
            log.exception("what the operator has set cannot be read")
        await asyncio.sleep(EVERY_S)


def catch_up() -> None:
    """As `refresh`, where the last time is longer ago than EVERY_S."""
    if time.monotonic() - _read_at >= EVERY_S:
        refresh()


def refresh() -> None:
    """Raises DatabaseError."""
    global _read_at
    _read_at = time.monotonic()
    switches.refresh()
    overrides.refresh()
    for provider in credentials.refresh():
        _trust(provider)


def _trust(provider: str) -> None:
    """A new key has done nothing wrong yet."""
    store, target = health_of(test=False), credential_key(provider)
    if store.get(target) is not None:
        store.turn(target, 0.0, time.monotonic())
