"""Bytes in, bytes out: the ASGI callables of the data plane. No Django below this line, and nothing that waits for it.

Each callable knows the caller before it reads the body, bounds what it reads, watches for a caller who hangs up, and
turns every exception into an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from django.conf import settings

from accounts.ids import request_id
from accounts.keys import authenticate, insist, token_in
from gateway import drain, errors, listing
from gateway.chat import Call
from gateway.idempotency import answer_once
from gateway.wire import Head, Wire, openai
from routing.types import Caller

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_HEADER_BYTES = 64 * 1024
_CLOSE = ((b"connection", b"close"),)
READ_S = 60.0  # a body must have arrived within this time
WATCH_AFTER_S = 0.1  # then somebody watches whether the caller is still there

log = logging.getLogger("routeplex.endpoints")


class CallerGone(Exception):
    """Nobody is there any more to answer to."""


def chat(wire: Wire) -> Application:
    """POST of a chat request in this wire format."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        name = request_id()
        try:
            headers, caller = await _known_caller(scope, method="POST")
            insist(caller, "chat")
            body = await _read(headers, receive)
        except CallerGone:
            return
        except Exception as error:
            await _send_error(error, wire, name, send)
            return
        call = Call(id=name, caller=caller, wire=wire, headers=headers, body=body)
        await _unless_gone(_send_all(answer_once(call), wire, name, send), receive)

    return endpoint


async def models(scope: Scope, receive: Receive, send: Send) -> None:
    """GET /v1/models and GET /v1/models/{id}."""
    name = request_id()
    try:
        _, caller = await _known_caller(scope, method="GET")
        insist(caller, "read")
        wanted = scope["path"].removeprefix("/v1/models").strip("/")
        body = listing.one(caller, wanted) if wanted else listing.every(caller)
    except Exception as error:
        await _send_error(error, openai, name, send)
        return
    headers = [(b"content-type", b"application/json"), (b"x-request-id", name.encode())]
    await _send_whole(Head(status=200, headers=headers), msgspec.json.encode(body), send)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Any other path below /v1."""
    there = "The API is POST /v1/chat/completions, GET /v1/models and GET /v1/models/{id}."
    error = errors.NotFound(f"There is nothing at {scope['path'][:200]}. {there}")
    await _send_error(error, openai, request_id(), send)


# --- in


async def _known_caller(scope: Scope, *, method: str) -> tuple[Mapping[bytes, bytes], Caller]:
    """Headers and caller, before the body is read. Raises what the caller did wrong."""
    pairs = scope["headers"]
    if sum(len(name) + len(value) for name, value in pairs) > MAX_HEADER_BYTES:
        raise errors.HeadersTooLarge(f"The headers exceed {MAX_HEADER_BYTES} bytes.")
    headers = dict(pairs)
    if sum(name == b"host" for name, _ in pairs) > 1:
        raise errors.BadRequest("There are two Host headers.")
    caller = await authenticate(token_in(headers))
    if scope["method"] != method:
        raise errors.MethodNotAllowed(f"{scope['path']} takes {method}, not {scope['method']}.", allowed=method)
    return headers, caller


async def _read(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    limit = settings.MAX_BODY_BYTES
    too_large = errors.BodyTooLarge(f"The body exceeds {limit} bytes.", details={"limit_bytes": limit})
    if int(headers.get(b"content-length", b"0")) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise CallerGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise too_large
                if not message.get("more_body"):
                    return b"".join(parts) if len(parts) > 1 else parts[0]
    except TimeoutError:
        raise errors.BadRequest(f"The body did not arrive within {READ_S:.0f} seconds.") from None


# --- out


async def _unless_gone(answering: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Runs `answering` to its end, or until the caller hangs up: then it is cancelled, which closes the upstream
    connection with it. Most answers end before it is worth a task to watch."""
    task = asyncio.current_task()
    assert task is not None
    watching: list[asyncio.Task[None]] = []
    later = task.get_loop().call_later(
        WATCH_AFTER_S, lambda: watching.append(asyncio.create_task(_cancel_when_gone(receive, task)))
    )
    try:
        await answering
    except asyncio.CancelledError:
        if not any(watch.done() and not watch.cancelled() for watch in watching):
            raise  # the server is stopping us, not the caller
        task.uncancel()
    finally:
        later.cancel()
        for watch in watching:
            watch.cancel()


async def _cancel_when_gone(receive: Receive, task: asyncio.Task[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel("the caller has gone")


async def _send_all(pieces: AsyncGenerator[Head | bytes], wire: Wire, name: str, send: Send) -> None:
    head: Head | None = None
    begun = False
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Head):
                    head = piece
                elif head is not None and head.whole:
                    begun = True
                    await _send_whole(head, piece, send)
                    return
                else:
                    if not begun:
                        assert head is not None, "the first piece is a Head"
                        begun = True
                        await send({"type": "http.response.start", "status": head.status, "headers": [*head.headers, *_last()]})
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
    except asyncio.CancelledError:
        if not drain.over():
            raise
        await _send_error(errors.Stopping(), wire, name, send, begun=begun)
    except Exception as error:
        await _send_error(error, wire, name, send, begun=begun)


async def _send_whole(head: Head, body: bytes, send: Send) -> None:
    headers = [*head.headers, (b"content-length", str(len(body)).encode()), *_last()]
    await send({"type": "http.response.start", "status": head.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _last() -> Sequence[tuple[bytes, bytes]]:
    """While the process leaves: the caller's next request is to go to another one."""
    return _CLOSE if drain.leaving() else ()


async def _send_error(error: Exception, wire: Wire, name: str, send: Send, *, begun: bool = False) -> None:
    """As an answer, or as the stream's last event when it has begun."""
    if errors.describe(error).status == errors.INTERNAL.status:
        log.exception("request %s broke", name, exc_info=error)
    if begun:
        await send({"type": "http.response.body", "body": wire.error_event(error, name)})
    else:
        head, body = wire.error(error, name)
        await _send_whole(head, body, send)
