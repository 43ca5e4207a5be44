"""Which models may be tried although they are not the first, and how often, so that outcomes can teach?

Bounded, and in closed form: each decision tells its propensities. As in Thompson sampling a model is tried as often as it may
well be better than the first, by what is believed of both; but only if it is not further behind than WITHIN, and all of them
together only as often as they may.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erf, sqrt

from routing.rules import Parts
from routing.strategies import plain_scores
from routing.types import Forecast

WITHIN = 0.15  # of predicted quality: what is further behind the first is never tried
SPREAD = 0.4  # of the errors: much of what we do not know is shared by the models, and does not tell them apart
MOST_TRIED = 5  # models


def explored(forecasts: Sequence[Forecast], errors: Sequence[float], first: int, parts: Parts, most: float) -> dict[int, float]:
    """The models that may be tried instead of `first`, each with its probability; together at most `most`. `errors`: of each
    one's quality in the tenant's own work."""
    behind = lacking(forecasts, first, parts)
    near = {i: odd for i, odd in enumerate(odds(behind, errors, first)) if odd > 0}
    tried = sorted(near, key=near.__getitem__, reverse=True)[:MOST_TRIED]
    return bounded({i: near[i] for i in tried}, most)


def lacking(forecasts: Sequence[Forecast], first: int, parts: Parts) -> list[float]:
    """By how much better each model's quality would have to be than it is believed to be for it to come first."""
    score = plain_scores(forecasts, parts)
    floor = parts.keeps * max(forecast.quality for forecast in forecasts)
    worth = parts.quality or 1e-9
    return [
        max((score[first] - own) / worth, floor - forecast.quality, 0.0) for own, forecast in zip(score, forecasts, strict=True)
    ]


def odds(behind: Sequence[float], errors: Sequence[float], first: int) -> list[float]:
    """Of each model being better than the first one, against its being worse; 0 for the first and for what is too far behind."""
    return [
        _odds(lack / (SPREAD * sqrt(errors[first] ** 2 + error**2) + 1e-9)) if i != first and lack <= WITHIN else 0.0
        for i, (lack, error) in enumerate(zip(behind, errors, strict=True))
    ]


def bounded(odds: dict[int, float], most: float) -> dict[int, float]:
    """As probabilities: with two models just Thompson's, with more of the same kind near it."""
    total = sum(odds.values())
    if not total:
        return {}
    scale = min(most, total / (1 + total)) / total
    return {i: odd * scale for i, odd in odds.items()}


def _odds(deviations: float) -> float:
    better = 0.5 - erf(deviations / sqrt(2)) / 2
    return better / (1 - better)
