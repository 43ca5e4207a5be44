"""What is a router's curve of cost and quality worth beside the best that single models give, and beside an oracle?

Average quality over the pool's range of costs, under the concave hull of what the router reaches at all trade-offs (AIQ).
Hull gain: 0 is the hull of the single models, 1 an oracle that knows every answer beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float]  # mean cost in USD, mean quality

TRADEOFFS = np.append(0.0, np.logspace(-4, 5, 70))
GRID = 400
RESAMPLES = 60


class Judgement(Struct, frozen=True, kw_only=True):
    gain: float
    gain_log: float  # the same with costs on a logarithmic scale
    quality: float  # AIQ
    single: float
    oracle: float
    cost_at_95: float  # of 95 % of the best model's quality, as a share of its cost
    best_quality: float  # of the router, at any trade-off
    best_single: float


def judge(scores: Array, costs: Array, quality: Array, cost: Array) -> Judgement:
    """All are prompts x models: predicted quality and cost, then what happened."""
    curve, ceiling = swept(scores, costs, quality, cost), swept(quality, cost, quality, cost)
    means, spent = quality.mean(axis=0), cost.mean(axis=0)
    single = list(zip(spent.tolist(), means.tolist(), strict=True))
    low, high, best = float(spent.min()), float(spent.max()), int(np.argmax(means))
    line, logarithmic = np.linspace(low, high, GRID), np.geomspace(low, high, GRID)
    router, zero, top = (area(points, line) for points in (curve, single, ceiling))
    router_log, zero_log, top_log = (area(points, logarithmic, log=True) for points in (curve, single, ceiling))
    return Judgement(
        gain=(router - zero) / (top - zero),
        gain_log=(router_log - zero_log) / (top_log - zero_log),
        quality=router,
        single=zero,
        oracle=top,
        cost_at_95=cost_at(curve, 0.95 * float(means[best])) / float(spent[best]),
        best_quality=hull(curve)[-1][1],
        best_single=float(means[best]),
    )


def error(scores: Array, costs: Array, quality: Array, cost: Array) -> float:
    """One standard error of the hull gain: what other prompts of the same kind would have changed (bootstrap)."""
    draw = np.random.RandomState(0)
    gains = []
    for _ in range(RESAMPLES):
        rows = draw.randint(len(cost), size=len(cost))
        gains.append(judge(scores[rows], costs[rows], quality[rows], cost[rows]).gain)
    return float(np.std(gains))


def swept(scores: Array, costs: Array, quality: Array, cost: Array) -> list[Point]:
    """What is reached by the highest score − λ·cost, for every λ."""
    unit, rows = float(cost.mean()), np.arange(len(cost))
    points = []
    for tradeoff in TRADEOFFS:
        chosen = (scores - (0.01 * tradeoff + 1e-9) * costs / unit).argmax(axis=1)
        points.append((float(cost[rows, chosen].mean()), float(quality[rows, chosen].mean())))
    return points


def hull(points: Sequence[Point]) -> list[Point]:
    """The concave hull from above, rising."""
    found: list[Point] = []
    best = -np.inf
    for cost, quality in sorted(set(points)):
        if quality <= best:
            continue
        best = quality
        while len(found) > 1 and _below(found[-2], found[-1], (cost, quality)):
            found.pop()
        found.append((cost, quality))
    return found


def _below(left: Point, middle: Point, right: Point) -> bool:
    return (middle[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (middle[0] - left[0])


def area(points: Sequence[Point], grid: Array, *, log: bool = False) -> float:
    """Mean quality under the hull over the grid of costs; 0 where the cheapest point costs more."""
    costs, qualities = zip(*hull(points), strict=True)
    reached = np.where(grid < costs[0] * (1 - 1e-9), 0.0, np.interp(grid, costs, qualities))
    scale = np.log(grid) if log else grid
    return float(np.trapezoid(reached, scale) / (scale[-1] - scale[0]))


def cost_at(points: Sequence[Point], quality: float) -> float:
    """The least cost at which the hull reaches a quality; NaN where it does not."""
    found = hull(points)
    if found[0][1] >= quality:
        return found[0][0]
    for (cost, lower), (dearer, higher) in pairwise(found):
        if higher >= quality:
            return cost + (dearer - cost) * (quality - lower) / (higher - lower)
    return float("nan")
