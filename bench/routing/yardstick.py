"""Asks a router about every prompt of a pool, and says what its answers were worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from bench.routing.data import Rows
from bench.routing.hull import Array, Judgement, Point, error, hull, judge, swept

HEADER = (
    f"{'':18} {'n':>5} {'hull gain':>10} {'±':>5} {'(log)':>7} {'best/single':>12}"  # one line, as `line` prints it
    f" {'cost at 95 %':>13} {'p50 ms':>7} {'p99 ms':>7}"
)


class Answers(Protocol):
    """What can be judged: bench.routing.Router, bench.routing.served.Served."""

    def route(self, text: str, models: Sequence[str], strategy: str = ..., *, lam: float | None = ...) -> Mapping[str, Any]: ...


class Result(Struct, frozen=True, kw_only=True):
    judgement: Judgement
    error: float  # of the hull gain
    curve: Sequence[Point]  # what is reached: cost in USD, quality
    asked: int
    p50_ms: float  # of CPU time in this process
    p99_ms: float


def ask(router: Answers, rows: Rows, quality: Array, cost: Array, models: Sequence[str]) -> Result:
    """`quality` and `cost`: what happened, prompts x models."""
    scores, costs = np.zeros_like(quality), np.zeros_like(cost)
    router.route(rows.texts[0], models)  # reads its weights
    took = []
    for r, text in enumerate(rows.texts):
        started = time.process_time()
        answer = router.route(text, models)
        took.append((time.process_time() - started) * 1000)
        scores[r] = [answer["scores"][model] for model in models]
        costs[r] = [answer["costs"][model] for model in models]
    return Result(
        judgement=judge(scores, costs, quality, cost),
        error=error(scores, costs, quality, cost),
        curve=hull(swept(scores, costs, quality, cost)),
        asked=len(took),
        p50_ms=float(np.percentile(took, 50)),
        p99_ms=float(np.percentile(took, 99)),
    )


def chosen(router: Answers, rows: Rows, models: Sequence[str], strategy: str, slider: float | None) -> Array:
    """The number of the model that each prompt is given to."""
    return np.array([models.index(router.route(text, models, strategy, lam=slider)["model"]) for text in rows.texts])


def line(name: str, result: Result) -> str:
    found = result.judgement
    return (
        f"{name:18} {result.asked:5} {found.gain:+10.1%} {result.error:5.1%} {found.gain_log:+7.1%}"
        f" {found.best_quality / found.best_single:12.3f} {found.cost_at_95:13.3f} {result.p50_ms:7.3f} {result.p99_ms:7.3f}"
    )
