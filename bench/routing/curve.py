"""What do the strategies and the slider cost, and what do they give? On recorded outcomes, beside the best single model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.routing.data import Rows
from bench.routing.hull import Array
from bench.routing.router import Router, chosen
from routing.strategies import STRATEGIES, TRADEOFF

Pool = tuple[Rows, Array, Array, Sequence[str]]  # prompts; what happened (prompts x models): quality, cost in USD; models
FIXED = ("quality", "cost", "balanced")
SLIDER = range(11)


def curve(router: Router, pools: Mapping[str, Pool]) -> Iterator[str]:
    """A table in Markdown: for each pool the share of the best single model's quality, and of its cost."""
    asked = {**{name: (name, TRADEOFF) for name in FIXED}, **{f"auto, {at}": ("auto", float(at)) for at in SLIDER}}
    reached = {pool: _reached(router, *given, list(asked.values())) for pool, given in pools.items()}
    yield f"| | {' | '.join(pools)} |"
    yield f"|---|{'---|' * len(pools)}"
    for at, name in enumerate(asked):
        cells = (f"{quality:.1%} at {cost:.0%}" for quality, cost in (points[at] for points in reached.values()))
        yield f"| {name} | {' | '.join(cells)} |"


def _reached(
    router: Router, rows: Rows, quality: Array, cost: Array, models: Sequence[str], asked: Sequence[tuple[str, float]]
) -> list[tuple[float, float]]:
    best = int(quality.mean(axis=0).argmax())
    sums = [[0.0, 0.0] for _ in asked]
    for row, text in enumerate(rows.texts):
        classification, forecasts = router.predicted(text, models)
        for at, (strategy, tradeoff) in enumerate(asked):
            first = chosen(models, forecasts, STRATEGIES[strategy](classification, tradeoff))
            sums[at][0] += float(quality[row, first])
            sums[at][1] += float(cost[row, first])
    return [(q / float(quality[:, best].sum()), c / float(cost[:, best].sum())) for q, c in sums]
