"""What do traces show of a request? One span for it and one for each attempt, by OpenTelemetry's conventions for generative AI.

Made by the recorder from what the journal tells, and sent to TRACES_URL (OTLP over HTTP); how, the OTEL_* variables of the
exporter say. A request pays nothing for it, and one whose process was killed has its spans. Prompts and answers are in none.
Needs the extra `traces`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from gateway.record import Intent, Outcome
from gateway.tracing import span_id
from routing.types import PICO_PER_USD, Attempt, Usage

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

PROVIDERS: Mapping[str, str] = {"google": "gcp.gemini"}  # as the conventions call them, where that is not our name
Tell = Callable[[Outcome | Intent, Sequence[Intent]], None]


def teller(url: str) -> tuple[Tell, Callable[[], None]]:
    """What tells of a request that is over (its outcome, or its last intent; and its intents), and what sends the rest."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(
            "TRACES_URL is set, and OpenTelemetry is not installed: pip install 'routeplex-server[traces]'."
        ) from error
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=url))

    def tell(last: Outcome | Intent, intents: Sequence[Intent]) -> None:
        if last.trace:
            for span in spans_of(last, intents):
                processor.on_end(span)

    return tell, processor.shutdown


def spans_of(last: Outcome | Intent, intents: Sequence[Intent]) -> Iterator[ReadableSpan]:
    """Of an outcome; or of an intent after which nothing came, for its process was killed."""
    over = isinstance(last, Outcome)
    attempts = last.attempts if isinstance(last, Outcome) else [intent.attempt for intent in intents]
    first = intents[0] if intents else last
    yield _span(
        last,
        0,
        f"chat {last.requested_model}".strip(),
        since_ms=0,
        for_ms=last.duration_ms if isinstance(last, Outcome) else 0,
        error=(last.error_code if isinstance(last, Outcome) else "orphaned"),
        about=_of_request(last, first) if over else _of_decision(first),
    )
    for attempt in attempts:
        yield _span(
            last,
            attempt.number,
            f"chat {_model(attempt)}",
            since_ms=attempt.started_ms,
            for_ms=attempt.duration_ms or 0,
            error=attempt.error or ("" if over else "orphaned"),
            about=_of_attempt(attempt),
        )


# --- what is told


def _of_request(outcome: Outcome | Intent, first: Outcome | Intent) -> dict[str, Any]:
    assert isinstance(outcome, Outcome)
    told = {
        "http.request.method": "POST",
        "http.response.status_code": outcome.http_status,
        "gen_ai.request.model": outcome.requested_model,
        "gen_ai.response.model": outcome.model.partition("/")[2],
        "gen_ai.request.stream": outcome.stream,
        "routeplex.cost_usd": float(outcome.cost / PICO_PER_USD),
        "routeplex.attempts": len(outcome.attempts),
        "routeplex.ttft_ms": outcome.ttft_ms,
        **_of_usage(outcome.usage if outcome.attempts else None),
    }
    return {**told, **_of_decision(first)}


def _of_decision(first: Outcome | Intent) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "routeplex.request_id": first.request_id,
        "routeplex.tenant_id": first.tenant_id,
        "routeplex.key_id": first.key_id,
        "routeplex.strategy": first.decision.question.strategy if first.decision else None,
        "routeplex.query_type": first.classification.query_type if first.classification else None,
    }


def _of_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(attempt.provider, attempt.provider),
        "gen_ai.request.model": _model(attempt),
        "gen_ai.response.finish_reasons": [attempt.finish] if attempt.finish else None,
        "http.response.status_code": attempt.status,
        "routeplex.attempt": attempt.number,
        "routeplex.cost_usd": float(attempt.cost / PICO_PER_USD),
        "routeplex.ttft_ms": attempt.ttft_ms,
        "routeplex.upstream_request_id": attempt.upstream_request_id,
        **_of_usage(attempt.usage),
    }


def _of_usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens or None,
    }


def _model(attempt: Attempt) -> str:
    return attempt.model.partition("/")[2]


# --- as OpenTelemetry has it


def _span(
    line: Outcome | Intent, number: int, name: str, *, since_ms: int, for_ms: int, error: str, about: Mapping[str, Any]
) -> ReadableSpan:
    """`number`: of the attempt; 0: the request, in which the attempts lie."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind, Status, StatusCode

    trace, _, parent = line.trace.partition("-")
    above = span_id(line.request_id) if number else parent
    began = int(line.received_at * 1e9) + since_ms * 1_000_000
    attributes = {key: value for key, value in about.items() if value is not None}
    return ReadableSpan(
        name,
        context=_context(trace, span_id(line.request_id, number)),
        parent=_context(trace, above) if above else None,
        resource=Resource.create({"service.name": "routeplex"}),
        attributes={**attributes, "error.type": error} if error else attributes,
        kind=SpanKind.CLIENT if number else SpanKind.SERVER,
        status=Status(StatusCode.ERROR, error) if error else Status(StatusCode.UNSET),
        start_time=began,
        end_time=began + for_ms * 1_000_000,
        instrumentation_scope=InstrumentationScope("routeplex"),
    )


def _context(trace: str, span: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def none(last: Outcome | Intent, intents: Iterable[Intent]) -> None:
    """Where no traces are wanted."""
