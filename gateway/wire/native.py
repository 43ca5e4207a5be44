"""The native API's own format, as the published `routeplex` clients speak it: parse the request, render answers and errors.

Its body is read into the same request as OpenAI's: what has another name there is renamed, OpenAI's other parameters pass
through, what neither knows is left out, as it always was. One answer, not several; events that a client does not know it ignores.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from gateway import sse
from gateway.errors import ErrorAnswer, InvalidMode, InvalidValue, describe
from gateway.refusals import BudgetExhausted
from gateway.tally import Tally
from gateway.wire import Answer, Head, openai
from gateway.wire.json import decoded
from gateway.wire.pace import Buffer
from gateway.wire.preferences import STRATEGY
from routing.automatic import AUTOMATIC
from routing.chat import ChatBody, Count
from routing.enhance import enhanced
from routing.refusals import UnknownModel
from routing.types import PICO_PER_USD, ChatRequest, Completion, Delta, Pace, Usage

OUTPUT_TOKENS = 512  # where the caller names no limit
KEEP_ALIVE_S = 10.0

Fields = Mapping[str, Raw]
_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class Wishes(Struct, frozen=True, kw_only=True):
    """The fields that are this format's own."""

    mode: Literal["routeplex-ai", "manual"] | None = None
    model: str | None = None
    strategy: str | None = None
    max_output_tokens: Count | None = None
    enhance_prompt: bool | None = None
    test_mode: bool | None = None
    stream_mode: Pace | None = None
    n: int | None = None


_decode_wishes = msgspec.json.Decoder(Wishes).decode
_OPENAI = frozenset(ChatBody.__struct_fields__) - {"model", "n", "max_tokens", "max_completion_tokens", "stream_options"}
_LIMITS = ("max_completion_tokens", "max_tokens")  # what OpenAI calls it, where somebody sends that
_CODES = {"moderation_blocked": "content_moderation_flagged"}  # by the provider's own reason
_NAMES = {
    STRATEGY: "strategy",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
}  # what callers of this format call it


# --- parse


def parse(body: bytes, headers: Mapping[bytes, bytes], request_id: str) -> ChatRequest:
    """Raises BadRequest and its kind, naming the parameter; UnknownModel where manual mode names none."""
    return request_of(decoded(body, _decode_fields), headers, request_id)


def request_of(fields: Fields, headers: Mapping[bytes, bytes], request_id: str) -> ChatRequest:
    wishes = _wishes(fields)
    own = {"model": Raw(_encode(_model(wishes))), "max_completion_tokens": _limit(fields)}
    passed = {name: value for name, value in fields.items() if name in _OPENAI}
    request = openai.read(_encode({**own, **passed}), headers, request_id)
    preferences = replace(
        request.preferences,
        strategy=wishes.strategy or request.preferences.strategy,
        premium=request.preferences.premium and not wishes.test_mode,
        enhance=request.preferences.enhance or bool(wishes.enhance_prompt),
        pace=wishes.stream_mode or "buffered",
    )
    request = replace(request, preferences=preferences)
    return enhanced(request) if preferences.enhance else request


def _wishes(fields: Fields) -> Wishes:
    own = {name: fields[name] for name in Wishes.__struct_fields__ if name in fields}
    try:
        wishes = decoded(_encode(own), _decode_wishes)
    except InvalidValue as error:
        if error.param == "mode":
            raise InvalidMode("`mode` is routeplex-ai or manual.", param="mode") from None
        raise
    if wishes.n is not None and wishes.n != 1:
        raise InvalidValue("There is one answer here: `n` is 1. /v1/chat/completions gives more.", param="n")
    return wishes


def _model(wishes: Wishes) -> str:
    if wishes.mode == "routeplex-ai":
        return AUTOMATIC
    if wishes.mode == "manual" and wishes.model in (None, "", AUTOMATIC):
        raise UnknownModel("In manual mode `model` names the model. GET /api/v1/models lists all.", param="model")
    return wishes.model or AUTOMATIC


def _limit(fields: Fields) -> Raw:
    sent = (fields[name] for name in ("max_output_tokens", *_LIMITS) if bytes(fields.get(name, b"null")) != b"null")
    return next(sent, Raw(_encode(OUTPUT_TOKENS)))


# --- render: whole


def render(request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
    return _stream(request, answers, tally) if request.stream else _whole(request, answers, tally)


async def _whole(request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
    completion = None
    async for answer in answers:  # to the end, so that it is recorded before it leaves
        completion = answer
    assert isinstance(completion, Completion)
    yield Head(status=200, headers=[openai.JSON, *openai.headers(request, tally)], whole=True)
    yield _encode({"success": True, "data": _data(request, completion, tally)})


def _data(request: ChatRequest, completion: Completion, tally: Tally) -> dict[str, Any]:
    choice = completion.choices[0]
    message = choice["message"]
    data = {
        "id": request.request_id,
        "output": message.get("content") or "",
        **_served(tally),
        "finish_reason": choice.get("finish_reason"),
        **{name: value for name, value in message.items() if name not in ("role", "content") and value},
    }
    if request.enhancement is not None:
        data["enhancement"] = openai.enhancement_object(request.enhancement)
    return data


def _served(tally: Tally) -> dict[str, Any]:
    """Who answered, and what it took."""
    assert tally.decision is not None and tally.served is not None
    return {
        "model_used": tally.served.model.name,
        "provider": tally.served.model.provider,
        "routing_mode": tally.decision.mode,
        "fallback_used": tally.fallback_used,
        "latency_ms": tally.elapsed_ms(),
        "usage": _usage(tally.usage, tally.cost),
    }


def _usage(usage: Usage, cost: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cost_usd": cost / PICO_PER_USD,
        "internal_reasoning_tokens": usage.reasoning_tokens or None,
        "cached_input_tokens": usage.cached_input_tokens,
    }


# --- render: streams


async def _stream(request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
    """Reads in a task of its own, so that what has come can leave while the next is waited for."""
    events = _Events(request, tally)
    clock = asyncio.get_running_loop().time
    begun = False
    pending = asyncio.ensure_future(anext(answers, None))
    try:
        while True:
            due = events.due()
            wait_s = KEEP_ALIVE_S if due is None else max(0.0, due - clock())
            await asyncio.wait((pending,), timeout=wait_s)
            burst = pending.result() if pending.done() else ()
            if not begun:
                yield Head(status=200, headers=[*openai.EVENT_STREAM, *openai.headers(request, tally, served=pending.done())])
                begun = True
                yield events.start()
            if burst is None:
                break
            if pending.done():
                pending = asyncio.ensure_future(anext(answers, None))
            elif due is None:
                yield sse.KEEP_ALIVE
            if piece := events.render(burst, clock()):  # type: ignore[arg-type]  # a stream's answers are deltas
                yield piece
        yield events.end()
    except Exception:
        if piece := events.flushed():  # what was said before it broke
            yield piece
        raise
    finally:
        if not pending.done():  # the caller has gone: `answers` must stand still before it can be closed
            pending.cancel()
            await asyncio.wait((pending,))


class _Events:
    """Deltas into events. What is not text leaves at once, behind the text that came before it."""

    def __init__(self, request: ChatRequest, tally: Tally) -> None:
        self._request, self._tally = request, tally
        self._text = Buffer(request.preferences.pace)
        self._finish = "stop"
        self._routed = False

    def start(self) -> bytes:
        return _event("start", request_id=self._request.request_id)

    def due(self) -> float | None:
        return self._text.due()

    def render(self, burst: Sequence[Delta], now: float) -> bytes:
        found = []
        if burst and not self._routed:
            self._routed = True
            found.append(self._routing())
        for delta in burst:
            for choice in _choices(delta):
                found += self._of(choice, now)
        if (due := self._text.due()) is not None and due <= now:
            found.append(self.flushed())
        return b"".join(found)

    def _of(self, choice: Mapping[str, Any], now: float) -> Iterator[bytes]:
        delta = choice.get("delta") or {}
        self._finish = choice.get("finish_reason") or self._finish
        if text := delta.get("content"):
            self._text.add(text, now)
        if more := {name: value for name, value in delta.items() if name not in ("role", "content") and value}:
            yield self.flushed()
            yield _event("part", **more)

    def flushed(self) -> bytes:
        text = self._text.take()
        return _event("delta", content=text) if text else b""

    def _routing(self) -> bytes:
        """Old clients pass over this one: who answers, known before it is done."""
        tally = self._tally
        assert tally.decision is not None and tally.classification is not None and tally.served is not None
        return _event(
            "routing",
            model=tally.served.model.id,
            provider=tally.served.model.provider,
            routing_mode=tally.decision.mode,
            strategy=tally.decision.strategy,
            query_type=tally.classification.query_type,
            fallback_used=tally.fallback_used,
        )

    def end(self) -> bytes:
        more = {} if (made := self._request.enhancement) is None else {"enhancement": openai.enhancement_object(made)}
        return self.flushed() + _event("done", **_served(self._tally), finish_reason=self._finish, **more) + sse.DONE


def _choices(delta: Delta) -> Sequence[Mapping[str, Any]]:
    if delta.raw is None:
        return delta.choices
    choices: Sequence[Mapping[str, Any]] = msgspec.json.decode(b"{" + delta.raw)["choices"]
    return choices


def _event(kind: str, **more: Any) -> bytes:
    return sse.frame(_encode({"type": kind, **more}))


# --- errors


def error(failure: Exception, request_id: str) -> tuple[Head, bytes]:
    answer = _told(failure)
    return Head(status=answer.status, headers=[openai.JSON, *openai.error_headers(answer, request_id)]), _encode(answer.body())


def error_event(failure: Exception, request_id: str) -> bytes:
    """The published clients read `message` alone, and end at [DONE]."""
    answer = _told(failure)
    told = {"code": answer.code, "message": answer.message, "details": dict(answer.details), "request_id": request_id}
    return _event("error", **told) + sse.DONE


def _told(failure: Exception) -> ErrorAnswer:
    """With the codes and names of parameters that this format's clients know."""
    answer = describe(failure)
    code = _CODES.get(str(answer.details.get("reason")), answer.code)
    if isinstance(failure, BudgetExhausted):
        code = _budget_code(failure)
    return msgspec.structs.replace(answer, code=code, param=_NAMES.get(answer.param or "", answer.param))


def _budget_code(failure: BudgetExhausted) -> str:
    """`limit` is called key_day_usd, tenant_month_tokens …"""
    _, period, unit = str(failure.details["limit"]).split("_")
    if period != "day":
        return "quota_exceeded"
    return "daily_cost_limit_exceeded" if unit == "usd" else "daily_limit_exceeded"
