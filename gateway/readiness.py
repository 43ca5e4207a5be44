"""Is this process alive, and should requests be sent to it? What orchestrators and load balancers ask.

    /livez     200 as long as the event loop turns
    /startupz  200 once everything that is slow to load is loaded
    /readyz    200 while requests may come; 503 with the reason before the first sight of the database, and while leaving

A database or a Redis that is away does not make a process unready: it goes on as docs/operations.md tells, and with all of
them unready at once nothing would answer at all.
"""

from __future__ import annotations

import msgspec

from accounts import keys
from gateway import drain
from gateway.endpoints import Receive, Scope, Send

_started = False


def started() -> None:
    """The lifespan's start-up is over."""
    global _started
    _started = True


def _reason(path: str) -> str | None:
    if path == "/livez":
        return None
    if path == "/startupz":
        return None if _started else "starting"
    return unready()


def unready() -> str | None:
    """Why no requests should come; None where they may."""
    if not _started:
        return "starting"
    if drain.leaving():
        return "leaving"
    if keys.watched_at() is None:
        return "the database has not been reached yet"
    return None


async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    reason = _reason(scope["path"])
    body = {"status": "ok"} if reason is None else {"status": "unavailable", "reason": reason}
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    headers += [] if reason is None else [(b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 200 if reason is None else 503, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(body)})
