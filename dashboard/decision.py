"""One decision as a picture: who could have answered, how good, dear and fast each was thought to be, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import log10
from typing import Any

import msgspec
from msgspec import Struct

from gateway.models import RequestLog
from routing.decisions import DecisionRecord
from routing.explain import explanation
from routing.prices import rates_for
from routing.snapshot import catalog
from routing.types import PICO_PER_USD, Attempt, Classification
from routing.weights import version_of

SHOWN = 12  # candidates in the table; the picture has all
WIDTH, HEIGHT, LEFT, BOTTOM = 640, 300, 46, 34


def of(row: RequestLog) -> Mapping[str, Any] | None:
    """As POST /api/v1/route tells it; None where nothing was decided, or in a form of another release."""
    try:
        record = msgspec.convert(row.decision, DecisionRecord)
        classification = msgspec.convert(row.classification, Classification)
    except msgspec.ValidationError:
        return None
    learned = version_of(str(row.tenant_id), record.seen.learned) if record.seen.learned else None
    told = explanation(record, classification, learned)
    by_reason: dict[str, list[str]] = {}
    for one in told["excluded"]:
        by_reason.setdefault(one["reason"], []).append(one["model"])
    return {**told, "shown": told["candidates"][:SHOWN], "left_out": sorted(by_reason.items(), key=lambda item: -len(item[1]))}


class Dot(Struct, frozen=True):
    """A candidate in the picture: cost to the right, quality upwards."""

    model: str
    x: float
    y: float
    low: float
    high: float
    chosen: bool
    likely: bool
    label: str


class Picture(Struct, frozen=True):
    width: int
    height: int
    dots: Sequence[Dot]
    costs: Sequence[tuple[float, str]]  # of the axis: where, and what
    qualities: Sequence[tuple[float, str]]


def picture(told: Mapping[str, Any]) -> Picture | None:
    """None where there is nothing to compare."""
    candidates = told["candidates"]
    if len(candidates) < 2:
        return None
    costs = [log10(max(1e-9, c["predicted_cost_usd"])) for c in candidates]
    low, high = min(costs) - 0.1, max(costs) + 0.1
    best = max(c["predicted_quality"] + c["quality_error"] for c in candidates)
    worst = min(c["predicted_quality"] - c["quality_error"] for c in candidates)
    top, floor = min(1.0, best + 0.01), max(0.0, worst - 0.01)

    def x(cost: float) -> float:
        return float(round(LEFT + (cost - low) / (high - low) * (WIDTH - LEFT - 12), 1))

    def y(quality: float) -> float:
        return float(round(8 + (top - quality) / ((top - floor) or 1) * (HEIGHT - BOTTOM - 8), 1))

    dots = [
        Dot(
            c["model"], x(cost), y(c["predicted_quality"]), y(c["predicted_quality"] - c["quality_error"]),
            y(c["predicted_quality"] + c["quality_error"]), place == 0, c["propensity"] > 0,
            _label(c),
        )
        for place, (c, cost) in enumerate(zip(candidates, costs, strict=True))
    ]  # fmt: skip
    steps = [power for power in range(int(low) - 1, int(high) + 2) if low <= power <= high]
    grid = [floor + (top - floor) * part / 4 for part in range(5)]
    return Picture(WIDTH, HEIGHT, dots[::-1], [(x(p), _usd(10.0**p)) for p in steps], [(y(q), f"{q:.2f}") for q in grid])


def _label(candidate: Mapping[str, Any]) -> str:
    quality, cost, ms = (candidate[name] for name in ("predicted_quality", "predicted_cost_usd", "predicted_latency_ms"))
    return f"{candidate['model']}: quality {quality:.3f}, ${cost:.6f}, {ms / 1000:.1f} s"


def _usd(amount: float) -> str:
    return f"${amount:.6f}".rstrip("0").rstrip(".")


# --- what happened then


class Bar(Struct, frozen=True):
    """An attempt on the time line; places in percent of the whole."""

    attempt: Attempt
    left: str
    width: str
    first: str  # until its first token
    cost: Decimal


def time_line(row: RequestLog) -> Sequence[Bar]:
    attempts = _attempts(row)
    whole = max([row.duration_ms or 0, *(a.started_ms + (a.duration_ms or 0) for a in attempts), 1])
    return [
        Bar(
            attempt,
            f"{attempt.started_ms / whole * 100:.2f}",
            f"{max(0.6, (attempt.duration_ms or 0) / whole * 100):.2f}",
            f"{(attempt.ttft_ms or 0) / whole * 100:.2f}",
            Decimal(attempt.cost) / PICO_PER_USD,
        )
        for attempt in attempts
    ]


def _attempts(row: RequestLog) -> Sequence[Attempt]:
    try:
        return msgspec.convert(row.attempts, list[Attempt])
    except msgspec.ValidationError:
        return []


class Line(Struct, frozen=True):
    """Of the bill: tokens of a kind, at a price for a million."""

    what: str
    tokens: int
    usd_per_mtok: Decimal
    usd: Decimal


def money(row: RequestLog) -> Sequence[Line]:
    """The served attempt's tokens by kind, at the list prices of that day: its cost, unless a tier or a service had others."""
    model = catalog().models.get(row.model)
    if model is None or not row.cost_usd:
        return []
    rates = rates_for(model, on=row.received_at.date(), input_tokens=row.input_tokens)
    plain = row.input_tokens - row.cached_input_tokens - row.cache_write_tokens
    cached = rates.input if rates.cached_input is None else rates.cached_input
    written = rates.input if rates.cache_write is None else rates.cache_write
    thinking = f", {row.reasoning_tokens:,} of it thinking" if row.reasoning_tokens else ""
    kinds = (
        ("Input", plain, rates.input),
        ("Input, from the provider's cache", row.cached_input_tokens, cached),
        ("Input, written into the cache", row.cache_write_tokens, written),
        (f"Output{thinking}", row.output_tokens, rates.output),
    )
    return [
        Line(what, tokens, Decimal(rate) / 10**6, Decimal(tokens * rate) / PICO_PER_USD)
        for what, tokens, rate in kinds
        if tokens > 0
    ]
