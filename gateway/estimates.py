"""What would a chat request cost? Asked for nothing, answered from the catalogue and the router's own forecast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from msgspec import Raw

from gateway.listing import ANYBODY, per_1k, short_id
from gateway.wire import native
from routing.classify import classify
from routing.decide import decide
from routing.prices import rates_for
from routing.snapshot import Snapshot, current
from routing.tokens import Size, size_of
from routing.types import PICO_PER_USD, ChatRequest, Forecast, Model


def estimate(fields: Mapping[str, Raw], headers: Mapping[bytes, bytes], request_id: str) -> dict[str, Any]:
    """Of the named model; without one, or for `routeplex-ai`, of the one that the router would ask first; for `all`, of that one
    and, under `models`, of every model that could serve. Raises what a chat request does."""
    every = bytes(fields.get("model", b"")) == b'"all"'
    if every:
        fields = {**fields, "model": Raw(b'"routeplex-ai"')}
    chat = native.request_of(fields, headers, request_id)
    view, today = current(ANYBODY), datetime.now(UTC).date()
    decision = decide(chat, classify(chat), view, ANYBODY, today)
    size = size_of(chat.body)
    each = [
        _of(view.catalog.models[r.model], r.forecast, chat, size, view, today)
        for r in (decision.ranked if every else decision.ranked[:1])
    ]
    return {**each[0], "models": each} if every else each[0]


def _of(model: Model, forecast: Forecast, chat: ChatRequest, size: Size, view: Snapshot, today: date) -> dict[str, Any]:
    count = size.at(model)
    limit = min(chat.body.output_limit or native.OUTPUT_TOKENS, model.max_output_tokens)
    rates = rates_for(model, on=today, input_tokens=count.tokens)
    expected_tokens = min(forecast.output_tokens, limit)
    highest = count.tokens * rates.input + limit * rates.output
    return {
        "model": short_id(model, view),
        "provider": model.provider,
        "input_tokens": count.tokens,
        "max_output_tokens": limit,
        "total_tokens": count.tokens + limit,
        "estimated_cost_usd": highest / PICO_PER_USD,
        "highest_cost_usd": highest / PICO_PER_USD,
        "expected_output_tokens": expected_tokens,
        "expected_cost_usd": (count.tokens * rates.input + expected_tokens * rates.output) / PICO_PER_USD,
        "confidence": count.confidence,
        "pricing": per_1k(model),
    }
