"""What does a proxy cost that does nothing? The gateway's own server flags and client, and as little as can be between.

It knows no caller, reads no body and writes nothing down: the measure that the gateway is held against.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import uvicorn

from gateway import transport
from gateway.providers import Upstream
from gateway.serve import options

if TYPE_CHECKING:  # they stand beside what needs Django, which this does not
    from gateway.endpoints import Application, Receive, Scope, Send

HEADERS = {"Content-Type": "application/json"}


def proxy(upstream: str) -> Application:
    """POSTs whatever it gets to the same path there, and answers what comes back."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await (passed if scope["type"] == "http" else _lifespan)(scope, receive, send)

    async def passed(scope: Scope, receive: Receive, send: Send) -> None:
        request = Upstream(url=upstream + scope["path"], body=await _body(receive), headers=HEADERS)
        async with transport.post(request) as response:
            await (_whole if response.header("content-length") else _stream)(response, send)

    return application


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body


async def _whole(response: transport.Response, send: Send) -> None:
    body = await response.read()
    await send(_start(response, (b"content-length", str(len(body)).encode())))
    await send({"type": "http.response.body", "body": body})


async def _stream(response: transport.Response, send: Send) -> None:
    await send(_start(response))
    while chunk := await response.chunk():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


def _start(response: transport.Response, *more: tuple[bytes, bytes]) -> dict[str, object]:
    headers = [(b"content-type", (response.header("content-type") or "").encode()), *more]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _lifespan(_: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await transport.open()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await transport.close()
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    asked = parser.parse_args()
    uvicorn.run(**(options(port=asked.port) | {"app": proxy(asked.upstream)}))
