"""One try at one candidate: build, send, parse; a burst of deltas or one completion, or a ProviderError.

Before the first content what has come so far (roles, empty pieces) is held back, so that nothing of a failed attempt is
ever seen. The first content and every pause have limits of their own, within the request's deadline.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any

from msgspec.structs import replace

from gateway import drain, forms, sse, transport
from gateway.errors import ProviderError, Stopping, Unsayable
from gateway.holding import Holding
from gateway.plan import Step
from gateway.providers import Dialect, EventReader, Upstream, dialects
from gateway.record import recording
from gateway.tally import Tally
from gateway.tracing import passed_on
from gateway.wire import Answer
from gateway.witness import Impatient, Witness
from routing.chat import ChatBody
from routing.evidence import slot_of
from routing.snapshot import catalog, health_of
from routing.types import Attempt, Candidate, ChatRequest, Completion, Delta, Model

FIRST_TOKEN_MS = 60_000  # of a stream, from the attempt's start to its first content
BETWEEN_TOKENS_MS = 60_000  # of a stream, from one event to the next
WHOLE_ANSWER_MS = 300_000  # of an attempt that does not stream: leaves the next one a share of the deadline
HELD_BACK = 64  # deltas before the first content; more than that is no preamble

UPSTREAM_ID = ("x-request-id", "request-id", "x-goog-request-id")
log = logging.getLogger("routeplex.attempts")


async def attempt(step: Step, request: ChatRequest, tally: Tally, record: recording, deadline: float) -> AsyncGenerator[Answer]:
    """Tallied, and told of its target's health, whatever its end. `deadline`: monotonic seconds."""
    candidate, where = step.candidate, step.endpoint
    witness = Witness(health_of(test=tally.caller.test), step, slot_of(tally.caller.tenant_id), stream=request.stream)
    dialect = dialects()[catalog().providers[candidate.model.provider].dialect]
    held = Holding(candidate.model, request, tally)
    service = _service(candidate, request)
    try:
        _insist_on_price(candidate.model, service)
        if tally.admission is not None and not await tally.admission.also(candidate.model.id):
            raise ProviderError("rate_limited", f"The limit for {candidate.model.id} is full.")
        if tally.caller.budgets:
            request = await held.reserve()
        upstream = dialect.build(request, candidate, where)
    except BaseException as error:
        held.let_go()
        witness.gone()
        if isinstance(error, ProviderError):
            raise Unsayable(error.kind, error.message, param=error.param) from None
        raise
    tally.ignored = (*candidate.ignored, *_unsaid(dialect, request))
    current = tally.begin(candidate, where)
    current.service = service
    try:
        held.began(current)
        if tally.trace is not None:
            traced = passed_on(tally.trace, tally.request_id, current.number)
            upstream = replace(upstream, headers={**upstream.headers, **traced})
        record.intent(current)
        if not request.stream:
            yield await _whole(dialect, upstream, candidate, request, tally, deadline)
        else:
            async with aclosing(_stream(dialect, upstream, candidate, request, tally, deadline)) as bursts:
                async for burst in bursts:
                    if held.metered:
                        await held.meter()
                    yield burst
    except ProviderError as error:
        current.error, current.detail, current.status = error.kind, _told(error), error.status or current.status
        witness.failed(error, current, time.monotonic())
        raise
    except (asyncio.CancelledError, GeneratorExit):
        current.error = "client_gone"
        witness.gone()
        raise
    except Stopping:
        current.error = "stopped"
        witness.gone()
        raise
    except BaseException:
        witness.gone()
        raise
    else:
        witness.answered(current, time.monotonic())
    finally:
        tally.end(current, candidate.model)
        held.charge()


def _service(candidate: Candidate, request: ChatRequest) -> str | None:
    """The service tier that is asked for; None: the default one, or whichever the provider chooses."""
    asked = None if "service_tier" in candidate.ignored else request.body.service_tier
    return None if asked in ("auto", "default", "standard_only") else asked


def _note_service(attempt: Attempt, extra: Mapping[str, Any]) -> None:
    """Not always the one that was asked for: priority falls back to the default, and a project may have one of its own."""
    if isinstance(served := extra.get("service_tier"), str):
        attempt.service = served


def _insist_on_price(model: Model, service: str | None) -> None:
    rates = model.prices[-1].rates
    if service is not None and service not in model.services and (rates.input or rates.output):
        raise ProviderError("bad_request", f"Nobody knows the price of {model.id} in the tier {service!r}.", param="service_tier")


_ABSENT = (b"null",)
_SAYS_NOTHING = (b"null", b"false", b"0", b"1", b"[]", b"{}", b'""', b'"auto"', b'"default"')


def _unsaid(dialect: Dialect, request: ChatRequest) -> Iterator[str]:
    """The caller's fields for which this format has no place. None of them changes the answer (`user`, `metadata`, what
    is unknown …): those that would have excluded the model. They are told, not dropped in silence."""
    if not dialect.passes_unknown_fields:
        for name in request.fields.keys() - dialect.fields:
            known = name in ChatBody.__struct_fields__
            if bytes(request.fields[name]) not in (_SAYS_NOTHING if known else _ABSENT):
                yield name


def _told(error: ProviderError) -> str:
    """What may be recorded: never the provider's own text, which may quote the caller's."""
    return error.kind if error.kind in ("bad_request", "content_filtered") else error.message


# --- whole answers


async def _whole(
    dialect: Dialect, upstream: Upstream, candidate: Candidate, request: ChatRequest, tally: Tally, deadline: float
) -> Completion:
    attempt = tally.attempts[-1]
    async with _Within(time.monotonic() + WHOLE_ANSWER_MS / 1000, deadline), transport.post(upstream) as response:
        attempt.status, attempt.upstream_request_id = response.status, response.header(*UPSTREAM_ID)
        body = await response.read()
    if attempt.status != 200:
        raise dialect.parse_error(attempt.status, response.headers, body)
    completion = _understood(dialect.parse, request, body)
    attempt.usage = completion.usage  # first: an answer that is of no use is billed, too
    _note_service(attempt, completion.extra)
    if not _has_content(completion):
        raise ProviderError("protocol", "The provider's answer is empty.")
    tally.output_bytes = sum(_bytes(choice["message"]) for choice in completion.choices)
    first = completion.choices[0]
    attempt.finish = first.get("finish_reason")
    if (form := forms.asked(request.body)) is not None:
        attempt.in_form = forms.kept(form, first)
    tally.answered(candidate)
    return completion


def _has_content(completion: Completion) -> bool:
    """An answer that stopped by itself with nothing in it is no answer. (One that was cut by a limit or a filter is.)"""
    return any(
        choice["message"].get("content")
        or choice["message"].get("tool_calls")
        or choice["message"].get("function_call")
        or choice["message"].get("refusal")
        or choice["message"].get("audio")
        or choice.get("finish_reason") not in ("stop", None)
        for choice in completion.choices
    )


# --- streams


async def _stream(
    dialect: Dialect, upstream: Upstream, candidate: Candidate, request: ChatRequest, tally: Tally, deadline: float
) -> AsyncGenerator[list[Delta]]:
    attempt, began = tally.attempts[-1], time.monotonic()
    first_by = began + FIRST_TOKEN_MS / 1000
    asked_by = (
        min(deadline, began + request.preferences.first_token_ms / 1000) if request.preferences.first_token_ms else deadline
    )
    async with AsyncExitStack() as stack:
        async with _Within(first_by, asked_by):
            response = await stack.enter_async_context(transport.post(upstream))
        attempt.status, attempt.upstream_request_id = response.status, response.header(*UPSTREAM_ID)
        if response.status != 200:
            async with _Within(first_by, asked_by):
                body = await response.read()
            raise dialect.parse_error(response.status, response.headers, body)
        reader = dialect.reader(request)
        form = forms.asked(request.body)
        shape = None if form is None else forms.Reading(form)
        async with aclosing(_bursts(response, reader, first_by, asked_by, deadline)) as bursts:
            held: list[Delta] = []
            async for burst in bursts:
                _count(burst, tally, attempt)
                if shape is not None:
                    shape.read(burst)
                if tally.served is None:
                    held += burst
                    if len(held) <= HELD_BACK and not any(map(_is_content, burst)):
                        continue
                    tally.answered(candidate)
                    burst, held = held, []
                yield burst
    if shape is not None:
        attempt.in_form = shape.kept()
    if not reader.finished:
        raise ProviderError("protocol", "The provider's stream ended before its answer did.")
    if tally.served is None:
        if not any(choice.get("finish_reason") not in ("stop", None) for delta in held for choice in delta.choices):
            raise ProviderError("protocol", "The provider's answer is empty.")
        tally.answered(candidate)
        yield held


async def _bursts(
    response: transport.Response, reader: EventReader, first_by: float, asked_by: float, deadline: float
) -> AsyncGenerator[list[Delta]]:
    """The deltas that arrive together. Half an event is no progress: a trickle of bytes does not move the limit."""
    splitter, limit, content = sse.Splitter(), first_by, False
    while True:
        async with _Within(limit, deadline if content else asked_by):
            chunk = await response.chunk()
        if not chunk:
            return
        try:
            events = splitter.feed(chunk)
        except sse.EventTooLong:
            raise ProviderError("protocol", "The provider sent an endless event.") from None
        burst = _understood(_read_all, reader, events)
        content = content or any(map(_is_content, burst))
        if content and events:
            limit = time.monotonic() + BETWEEN_TOKENS_MS / 1000
        if burst:
            yield burst


def _read_all(reader: EventReader, events: list[sse.Event]) -> list[Delta]:
    return [delta for event in events if (delta := reader.read(event.event, event.data)) is not None]


_CONTENT = ("content", "tool_calls", "reasoning_content", "reasoning", "refusal", "audio", "function_call", "thinking_blocks")


def _is_content(delta: Delta) -> bool:
    return delta.raw is not None or any(choice["delta"].get(name) for choice in delta.choices for name in _CONTENT)


def _count(burst: list[Delta], tally: Tally, attempt: Attempt) -> None:
    """What the answer came to so far, for the case that nobody will count it for us."""
    for delta in burst:
        if delta.raw is not None:
            tally.output_bytes += delta.raw_bytes
            continue
        if delta.usage is not None:
            attempt.usage = delta.usage
        _note_service(attempt, delta.extra)
        for choice in delta.choices:
            tally.output_bytes += _bytes(choice["delta"])
            attempt.finish = choice.get("finish_reason") or attempt.finish


def _bytes(message: dict[str, Any]) -> int:
    """About how much text a message or a piece of one holds."""
    size = sum(len(message.get(name) or "") for name in ("content", "reasoning_content", "refusal"))
    for call in message.get("tool_calls") or ():
        size += len(call.get("function", {}).get("arguments") or "")
    return size


def _understood[**P, T](read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a dialect reads out of an answer; a shape that it stumbles over is the provider's failure, not a crash."""
    try:
        return read(*args, **kwargs)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        log.exception("an answer could not be understood")
        raise ProviderError("protocol", "The provider's answer has a shape that we do not know.") from error


class _Within:
    """Two limits (monotonic seconds) on one wait, never on a yield: ours, and the caller's. Exceeding either is the
    provider's `timeout`; of the caller's it is Impatient. Where the process cannot wait any longer it is Stopping."""

    __slots__ = ("_asked_by", "_by", "_timeout")

    def __init__(self, by: float, asked_by: float) -> None:
        self._by = by
        self._asked_by = asked_by

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout(min(self._by, self._asked_by) - time.monotonic())
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as expired:
            said = Impatient if self._asked_by < self._by else ProviderError
            raise said("timeout", "The provider did not answer in time.") from expired
        if kind is asyncio.CancelledError and drain.over():
            raise Stopping from error
