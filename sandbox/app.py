"""Who asks what of which provider? One ASGI application: three wire formats, faults, and a book of what was served."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from secrets import token_hex
from types import ModuleType
from typing import Any

import msgspec

from sandbox import anthropic, gemini, openai, speed
from sandbox.answers import Plan, planned
from sandbox.control import control
from sandbox.faults import Fault, Faults
from sandbox.forms import Refused

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
REMEMBERED = 1000
BILLS = 200_000  # the last ones

_PATHS = (
    (re.compile(r"/openai/v1/chat/completions"), openai),
    (re.compile(r"/anthropic/v1/messages"), anthropic),
    (re.compile(r"/gemini/v1(?:beta)?/models/(?P<model>[^/:]+):(?P<way>generateContent|streamGenerateContent)"), gemini),
)


class Bill(msgspec.Struct, frozen=True, array_like=True):
    """What a provider's own book says of one call; `id` is the answer's x-request-id."""

    id: str
    model: str
    input_tokens: int
    output_tokens: int


class HungUp(Exception):
    """The client has gone."""


class Sandbox:
    def __init__(self, *, speed: float = 1) -> None:
        self.speed = speed
        self.faults = Faults()
        self.served: Counter[str] = Counter()  # requests, input_tokens, output_tokens, hung_up, by "what model"
        self.requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.bills: deque[Bill] = deque(maxlen=BILLS)
        self.running = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            body = await _read(receive)
            if scope["path"].startswith("/control"):
                await _reply(send, *control(self, scope["method"], scope["path"], body))
            else:
                await self._provider(scope, body, receive, send)

    async def _provider(self, scope: dict[str, Any], body: bytes, receive: Receive, send: Send) -> None:
        found = next(((form, m) for path, form in _PATHS if (m := path.fullmatch(scope["path"]))), None)
        if found is None or scope["method"] != "POST":
            await _reply(send, 404, {"error": {"message": "The sandbox plays chat only.", "code": 404}})
            return
        self.running += 1
        answering = asyncio.ensure_future(self._answer(*found, scope, body, send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.served["hung_up"] += 1
                answering.cancel()
                await asyncio.wait({answering})
        finally:
            gone.cancel()
            self.running -= 1

    async def _answer(self, form: ModuleType, match: re.Match[str], scope: dict[str, Any], body: bytes, send: Send) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            asked, parsed, model = self._understood(form, match, headers, body)
        except Refused as refused:
            await _reply(send, refused.status, form.error(refused.status, refused.message, refused.code))
            return
        stream = parsed.get("stream") is True or match.groupdict().get("way") == "streamGenerateContent"
        fault = self.faults.take(form.NAME, model, asked.text)
        plan = planned(asked, poor=fault is not None and fault.kind == "poor")
        if await _failed(form, fault, send):
            return
        first, between = speed.of(model)
        await asyncio.sleep(first * self.speed + (fault.delay_ms / 1000 if fault and fault.kind == "delay" else 0))
        send = _named(send, self._count(model, plan))
        if stream:
            await _stream(form, form.events(plan, asked, parsed), fault, between * self.speed, send)
        else:
            await asyncio.sleep(between * self.speed * plan.output_tokens)
            await _whole(form.whole(plan, asked, parsed), fault, send)

    def _understood(self, form: ModuleType, match: re.Match[str], headers: dict[str, str], body: bytes) -> Any:
        if not form.secret(headers):
            raise Refused(401, "Incorrect API key provided.", "invalid_api_key")
        try:
            parsed = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused(400, "We could not parse the JSON body of your request.") from None
        model = match.groupdict().get("model") or str(parsed.get("model"))
        self.requests.append({"provider": form.NAME, "model": model, "path": match.string, "body": parsed})
        try:
            return form.question(parsed, model), parsed, model
        except (KeyError, TypeError, AttributeError) as error:
            raise Refused(400, f"Invalid request: {error!r}") from None

    def _count(self, model: str, plan: Plan) -> str:
        """The call's name on the bill."""
        name = f"sandbox-{token_hex(8)}"
        self.bills.append(Bill(name, model, plan.input_tokens, plan.output_tokens + plan.thought_tokens))
        self.served[f"requests {model}"] += 1
        self.served[f"input_tokens {model}"] += plan.input_tokens
        self.served[f"output_tokens {model}"] += plan.output_tokens + plan.thought_tokens
        return name


# --- failing


async def _failed(form: ModuleType, fault: Fault | None, send: Send) -> bool:
    """Whether the fault has already answered."""
    match fault.kind if fault else None:
        case "status":
            assert fault is not None
            await _reply(send, fault.status, form.error(fault.status, "A fault was asked for.", None, fault.retry_after), fault)
        case "hang":
            await asyncio.sleep(3600)
        case "html":
            await _reply(send, 200, b"<html><body>Bad gateway</body></html>")
        case "json_error_200":
            await _reply(send, 200, form.error(500, "A fault was asked for."))
        case "garbage":
            await _reply(send, 200, b'{"half": ')
        case "empty":
            await _reply(send, 200, b"")
        case _:
            return False
    return True


async def _whole(value: dict[str, Any], fault: Fault | None, send: Send) -> None:
    if fault and fault.kind == "usage_missing":
        value = {name: part for name, part in value.items() if name not in ("usage", "usageMetadata")}
    if fault and fault.kind in ("cut", "trickle"):
        await _head(send, 200, b"application/json")
        await _piece(send, msgspec.json.encode(value)[:20])
        raise ConnectionAbortedError
    await _reply(send, 200, value)


async def _stream(form: ModuleType, events: Iterator[bytes], fault: Fault | None, between: float, send: Send) -> None:
    await _head(send, 200, b"text/event-stream")
    kind, after = (fault.kind, fault.after_events) if fault else (None, 0)
    listed = list(events)
    if kind == "no_finish":
        listed = listed[:-3]
    for number, data in enumerate(listed):
        if fault and number == after:
            if kind in ("cut", "half_tool_call"):
                raise ConnectionAbortedError
            if kind == "error_event":
                await _piece(send, form.error_event())
                break
            if kind == "trickle":
                for byte in data:
                    await _piece(send, bytes([byte]))
                    await asyncio.sleep(fault.delay_ms / 1000)
        await _piece(send, data)
        await asyncio.sleep(between)
    await send({"type": "http.response.body"})


# --- bytes


async def _lifespan(receive: Receive, send: Send) -> None:
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _named(send: Send, name: str) -> Send:
    """`send`, with the call's name on its head."""

    async def named(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"x-request-id", name.encode()))
        await send(message)

    return named


async def _head(send: Send, status: int, kind: bytes, fault: Fault | None = None) -> None:
    headers = [(b"content-type", kind)]
    if fault and fault.retry_after is not None:
        headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _piece(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _reply(send: Send, status: int, value: Any, fault: Fault | None = None) -> None:
    kind = b"text/html" if isinstance(value, bytes) else b"application/json"
    await _head(send, status, kind, fault)
    await send({"type": "http.response.body", "body": value if isinstance(value, bytes) else msgspec.json.encode(value)})
