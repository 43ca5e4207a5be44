"""OpenAI's chat completions, as callers speak it: parse the request, render whole answers, streams and errors.

Streams end as both official SDKs need it (they swallow every other broken ending): `data: [DONE]` after a whole
answer, an event `data: {"error": …}` and no `[DONE]` after a broken one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Raw

from gateway import sse
from gateway.buckets import Room
from gateway.errors import BadRequest, EmptyMessages, ErrorAnswer, InvalidValue, describe
from gateway.tally import Tally
from gateway.wire import Answer, Head
from gateway.wire.json import MAX_DEPTH, depth_exceeds, where
from gateway.wire.preferences import preferences
from gateway.wire.urls import insist_on_public
from routing.chat import ChatBody
from routing.enhance import enhanced
from routing.filters import DEAR
from routing.types import PICO_PER_USD, ChatRequest, Completion, Delta, Enhancement, RateLimit, Usage, usd

KEEP_ALIVE_S = 10.0  # a comment line this often while the first token is slow

_decode_body = msgspec.json.Decoder(ChatBody).decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


# --- parse


def parse(body: bytes, headers: Mapping[bytes, bytes], request_id: str) -> ChatRequest:
    """Raises BadRequest and its kind, naming the parameter."""
    request = read(body, headers, request_id)
    return enhanced(request) if request.preferences.enhance else request


def read(body: bytes, headers: Mapping[bytes, bytes], request_id: str) -> ChatRequest:
    """The same as it was sent."""
    try:
        if depth_exceeds(body, MAX_DEPTH):
            raise BadRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
        fields = _decode_fields(body)
        chat = _decode_body(body)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    _check(chat)
    if b"_url" in body:
        insist_on_public(chat)
    return ChatRequest(request_id=request_id, body=chat, fields=fields, size=len(body), preferences=preferences(headers))


def _invalid(error: msgspec.ValidationError) -> BadRequest:
    message, param = where(str(error))
    if param == "messages" and "length" in message:
        return EmptyMessages("`messages` is empty.", param="messages")
    return InvalidValue(message, param=param)


def _check(chat: ChatBody) -> None:
    """What the types cannot say."""
    if chat.stream_options is not None and not chat.stream:
        raise InvalidValue("`stream_options` goes with `stream: true` only.", param="stream_options")
    if chat.top_logprobs is not None and not chat.logprobs:
        raise InvalidValue("`top_logprobs` goes with `logprobs: true` only.", param="top_logprobs")
    if isinstance(chat.tool_choice, str) and chat.tool_choice not in ("none", "auto", "required"):
        raise InvalidValue("`tool_choice` is one of none, auto, required, or an object that names a tool.", param="tool_choice")


# --- render


def render(request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
    return _stream(request, answers, tally) if request.stream else _whole(request, answers, tally)


async def _whole(request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
    completion = None
    async for answer in answers:  # to the end, so that it is recorded before it leaves
        completion = answer
    assert isinstance(completion, Completion)
    body = {
        "id": _id(request),
        "object": "chat.completion",
        "created": int(tally.received_at),
        "model": _model(tally),
        **completion.extra,
        "choices": completion.choices,
        "usage": usage_object(tally.usage),
        "x_routeplex": _about(request, tally),
    }
    cost = (b"x-routeplex-cost-usd", usd(tally.cost).encode())
    yield Head(status=200, headers=[JSON, *headers(request, tally), cost], whole=True)
    yield _encode(body)


async def _stream(request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
    """Bursts of deltas become bursts of chunks. While the first token is slow, a comment keeps the connection alive:
    the head then leaves without the names of the model that has yet to answer."""
    first = asyncio.ensure_future(anext(answers, None))
    begun = False
    try:
        while not first.done():
            await asyncio.wait((first,), timeout=KEEP_ALIVE_S)
            if not first.done():
                if not begun:
                    yield Head(status=200, headers=[*EVENT_STREAM, *headers(request, tally, served=False)])
                    begun = True
                yield sse.KEEP_ALIVE
        burst = first.result()
    finally:
        if not first.done():  # the caller has gone: `answers` must stand still before it can be closed
            first.cancel()
            await asyncio.wait((first,))
    if not begun:
        yield Head(status=200, headers=[*EVENT_STREAM, *headers(request, tally)])
    chunks = _Chunks(request, tally)
    if burst is not None:
        yield chunks.render(burst)  # type: ignore[arg-type]  # a stream's answers are deltas
    async for burst in answers:
        if piece := chunks.render(burst):  # type: ignore[arg-type]
            yield piece
    yield chunks.end()


class _Chunks:
    """Deltas into chunks. The last finish chunk waits for the end, because it carries the usage and `x_routeplex`:
    clients read `choices[0]` of every chunk, so the usage may not come in a chunk without choices unless asked."""

    def __init__(self, request: ChatRequest, tally: Tally) -> None:
        self._request, self._tally = request, tally
        options = request.body.stream_options
        self._asked_usage = bool(options and options.include_usage)
        self._last: Delta | None = None
        self._roles: set[int] = set()
        self._raw_heads: dict[int, bytes] = {}

    @cached_property
    def _head(self) -> bytes:
        """How every chunk begins."""
        head = {
            "id": _id(self._request),
            "object": "chat.completion.chunk",
            "created": int(self._tally.received_at),
            "model": _model(self._tally),
        }
        return b"data: " + _encode(head)[:-1] + b","

    def render(self, burst: Sequence[Delta]) -> bytes:
        return b"".join([self._raw(delta) if delta.raw is not None else self._delta(delta) for delta in burst])

    def _raw(self, delta: Delta) -> bytes:
        head = self._raw_heads.get(id(delta.extra))
        if head is None:
            extra = _encode(delta.extra)[1:-1]
            head = self._raw_heads[id(delta.extra)] = self._head + (extra + b"," if extra else b"")
        return head + delta.raw + b"\n\n"  # type: ignore[operator]  # render has looked

    def _delta(self, delta: Delta) -> bytes:
        if not delta.choices:
            return b""
        for choice in delta.choices:
            if choice["index"] not in self._roles:
                self._roles.add(choice["index"])
                choice["delta"] = {"role": "assistant", **choice["delta"]}
        if not any(choice.get("finish_reason") for choice in delta.choices):
            return self._chunk(delta)
        before, self._last = self._last, delta
        return self._chunk(before) if before else b""

    def _chunk(self, delta: Delta, **more: Any) -> bytes:
        if self._asked_usage:
            more.setdefault("usage", None)
        rest = {"choices": delta.choices, **delta.extra, **more}
        return self._head + _encode(rest)[1:] + b"\n\n"

    def end(self) -> bytes:
        about = {"x_routeplex": _about(self._request, self._tally)}
        usage = usage_object(self._tally.usage)
        last = self._last or Delta(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if not self._asked_usage:
            return self._chunk(last, usage=usage, **about) + sse.DONE
        return self._chunk(last, **about) + self._chunk(Delta(), usage=usage) + sse.DONE


# --- what every answer says of itself

JSON = (b"content-type", b"application/json")
EVENT_STREAM = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


def _id(request: ChatRequest) -> str:
    return "chatcmpl-" + request.request_id.removeprefix("req_")


def _model(tally: Tally) -> str:
    return tally.served.model.name if tally.served else ""


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.input_audio_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
        },
    }


def headers(request: ChatRequest, tally: Tally, *, served: bool = True) -> list[tuple[bytes, bytes]]:
    assert tally.decision is not None and tally.classification is not None
    named = [
        (b"x-request-id", request.request_id.encode()),
        (b"x-routeplex-strategy", tally.decision.strategy.encode()),
        (b"x-routeplex-query-type", tally.classification.query_type.encode()),
    ]
    if tally.room is not None:
        named += room_headers(*tally.room)
    if served and tally.served:
        named += [
            (b"x-routeplex-model", tally.served.model.id.encode()),
            (b"x-routeplex-provider", tally.served.model.provider.encode()),
            (b"x-routeplex-attempts", str(len(tally.attempts)).encode()),
        ]
        if tally.sandbox:
            named.append((b"x-routeplex-sandbox", b"true"))
    return named


def room_headers(limit: RateLimit, room: Room) -> Iterator[tuple[bytes, bytes]]:
    """OpenAI's x-ratelimit-* headers, of the limit of which the least is left."""
    kinds = (
        (b"requests", limit.requests_per_minute, room.requests, room.requests_back_us),
        (b"tokens", limit.tokens_per_minute, room.tokens, room.tokens_back_us),
    )
    for name, size, left, back_us in kinds:
        if size is not None and left is not None:
            yield b"x-ratelimit-limit-" + name, str(size).encode()
            yield b"x-ratelimit-remaining-" + name, str(left).encode()
            yield b"x-ratelimit-reset-" + name, f"{back_us / 1e6:.3f}s".encode()


def _about(request: ChatRequest, tally: Tally) -> dict[str, Any]:
    """The `x_routeplex` object."""
    assert tally.decision is not None and tally.classification is not None and tally.served is not None
    about: dict[str, Any] = {
        "request_id": request.request_id,
        "model": tally.served.model.id,
        "provider": tally.served.model.provider,
        "routing_mode": tally.decision.mode,
        "strategy": tally.decision.strategy,
        "query_type": tally.classification.query_type,
        "attempts": len(tally.attempts),
        "fallback_used": tally.fallback_used,
        "latency_ms": tally.elapsed_ms(),
        "ttft_ms": tally.ttft_ms,
        "cost_usd": tally.cost / PICO_PER_USD,
        "usage_estimated": tally.usage.estimated,
    }
    if request.enhancement is not None:
        about["enhancement"] = enhancement_object(request.enhancement)
    if passed_over := tally.passed_over:
        about["passed_over"] = passed_over
    if tally.ignored:
        about["ignored_parameters"] = sorted(set(tally.ignored))
    if budget := _of_budget(tally):
        about["budget"] = budget
    if tally.sandbox:
        about["sandbox"] = True
    return about


def enhancement_object(enhancement: Enhancement) -> dict[str, Any]:
    return {
        "applied": enhancement.applied,
        "original_prompt": enhancement.original,
        "query_type": enhancement.query_type,
    }


def _of_budget(tally: Tally) -> dict[str, Any]:
    """What a budget that is nearly used up has changed."""
    said: dict[str, Any] = {}
    if tally.clamped is not None:
        said["output_limit"] = tally.clamped
    dear = [m for reason, models in (tally.decision.excluded if tally.decision else {}).items() if reason == DEAR for m in models]
    if unaffordable := [*tally.unaffordable, *dear]:
        said["passed_over"] = unaffordable
    return said


# --- errors


def error(failure: Exception, request_id: str) -> tuple[Head, bytes]:
    answer = describe(failure)
    return Head(status=answer.status, headers=[JSON, *error_headers(answer, request_id)]), _encode(answer.body())


def error_headers(answer: ErrorAnswer, request_id: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-request-id", request_id.encode())]
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, -int(-answer.retry_after_s // 1))).encode()))
    if answer.should_retry is not None:
        headers.append((b"x-should-retry", b"true" if answer.should_retry else b"false"))
    if answer.allowed:
        headers.append((b"allow", answer.allowed.encode()))
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def error_event(failure: Exception, request_id: str) -> bytes:
    body = describe(failure).body()
    body["error"]["request_id"] = request_id
    return sse.frame(_encode(body))
