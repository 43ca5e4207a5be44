"""How sure is a number that was estimated from few? An interval, or that it cannot be told. Pure; no array library."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist
from typing import Literal

from msgspec import Struct

Z = NormalDist().inv_cdf(0.975)  # of a 95 % interval


def t_quantile(freedom: float) -> float:
    """97.5 % of Student's t, by Cornish and Fisher's expansion; below 3 degrees of freedom, as with 3."""
    v, z = max(3.0, freedom), Z
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def half_width(variance: float, freedom: float) -> float:
    """Of a 95 % interval."""
    return t_quantile(freedom) * sqrt(max(0.0, variance))


def kish(weights: Iterable[float]) -> float:
    """Effective sample size: so many equal weights would be as good."""
    total = squares = 0.0
    for weight in weights:
        total += weight
        squares += weight * weight
    return total * total / squares if squares else 0.0


class Estimate(Struct, frozen=True, kw_only=True, tag_field="told", tag="estimate"):
    """`low` to `high`: 95 %. `n`: rewards. `more_requests`: with feedback, until it is known as well as one would wish."""

    value: float
    low: float
    high: float
    effective_sample_size: float
    n: int
    clusters: int
    more_requests: int = 0

    @property
    def undecided(self) -> bool:
        """Of a difference: it may go either way."""
        return self.low <= 0 <= self.high


class CannotTell(Struct, frozen=True, kw_only=True, tag_field="told", tag="cannot_tell"):
    """And what would make it tellable. `more_requests`: with feedback, at the present propensities. `exploring`: the share of
    requests that would have to be tried on what the target policy takes, for a time like this one to tell. `supported`: the
    share of what it takes that might have been tried."""

    why: Literal["no_feedback", "never_tried", "too_little", "none_held_back", "too_few_conversations", "too_few_ratings"]
    in_words: str
    more_requests: int | None = None
    more_conversations: int | None = None
    exploring: float | None = None
    supported: float = 1.0


Told = Estimate | CannotTell
