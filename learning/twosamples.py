"""Do two groups of conversations, told apart by a draw, differ in their means, and how surely? Pure.

Costs are skewed: few conversations cost most of the money, and with a small group Student's interval holds the truth too
seldom. So the statistic is transformed by its skewness (Hall 1992), which is taken from both groups, each standardised: the
small one alone shows too little of it. Beside it stands what shuffled labels give: the difference where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, copysign, sqrt
from random import Random

from msgspec import Struct

from learning.intervals import CannotTell, Estimate, Told, Z, t_quantile

LEAST = 20  # in each group
SHUFFLES = 999
MOST_DRAWS = 5_000_000  # over all shuffles; at least FEWEST are made
FEWEST = 199
MOST_SKEWED = 1.0  # beyond it the transformation bends back, and intervals hold less (docs/replay.md has the simulation)
QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)


class Moments(Struct, frozen=True):
    n: int
    mean: float
    variance: float
    third: float  # central

    @property
    def skewness(self) -> float:
        return self.third / self.scale if self.scale > 0 else 0.0

    @property
    def scale(self) -> float:
        return self.variance * sqrt(self.variance)


class Shuffled(Struct, frozen=True, kw_only=True):
    """Differences with shuffled labels: the control. `as_large`: the share of them that are as large as the real one, either
    way; where that is small, the difference is not chance."""

    shuffles: int
    quantiles: Sequence[float]  # at QUANTILES
    as_large: float


class Compared(Struct, frozen=True, kw_only=True):
    """`difference`: of the means, `one` less `other`. `more_conversations`: of the smaller group, until the interval leaves out
    zero or is no wider than what one would wish; 0: it is."""

    one: float
    other: float
    difference: Told
    shuffled: Shuffled | None
    more_conversations: int


def compared(one: Sequence[float], other: Sequence[float], *, precision: float, seed: int) -> Compared:
    """`precision`: half the width of an interval that is worth having, as a share of the mean of `other`."""
    first, second = moments(one), moments(other)
    if min(first.n, second.n) < LEAST:
        missing = LEAST - min(first.n, second.n)
        return Compared(
            one=first.mean, other=second.mean, difference=_too_few(missing), shuffled=None, more_conversations=missing
        )
    found = difference(first, second)
    return Compared(
        one=first.mean,
        other=second.mean,
        difference=found,
        shuffled=shuffled(one, other, Random(seed)),  # noqa: S311
        more_conversations=_missing(first, second, found, precision * abs(second.mean)),
    )


def moments(values: Sequence[float]) -> Moments:
    n = len(values)
    if n < 2:
        return Moments(n, sum(values), 0.0, 0.0)
    mean = sum(values) / n
    return Moments(n, mean, sum((v - mean) ** 2 for v in values) / (n - 1), sum((v - mean) ** 3 for v in values) / n)


def difference(one: Moments, other: Moments) -> Estimate:
    """Of the means, with the interval."""
    parts = (one.variance / one.n, other.variance / other.n)
    value, error = one.mean - other.mean, sqrt(sum(parts))
    low = high = value
    if error > 0:
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (one.n - 1) + parts[1] ** 2 / (other.n - 1))
        skewness = max(-MOST_SKEWED, min(MOST_SKEWED, _skewness(one, other) / error**3))
        t = t_quantile(freedom)
        low, high = value - error * _unskewed(t, skewness), value - error * _unskewed(-t, skewness)
    smaller = min(one.n, other.n)
    return Estimate(value=value, low=low, high=high, effective_sample_size=smaller, n=one.n + other.n, clusters=one.n + other.n)


def _skewness(one: Moments, other: Moments) -> float:
    """Third moment of the difference, with the skewness of both groups for each."""
    common = (one.n * one.skewness + other.n * other.skewness) / (one.n + other.n)
    return common * (one.scale / one.n**2 - other.scale / other.n**2)


def _unskewed(t: float, skewness: float) -> float:
    """The inverse of Hall's transformation."""
    if abs(skewness) < 1e-6:
        return t
    base = 1 + skewness * (t - skewness / 6)
    return 3 / skewness * (copysign(abs(base) ** (1 / 3), base) - 1)


def _missing(one: Moments, other: Moments, found: Estimate, wished: float) -> int:
    """The groups grow together, at the shares that they have."""
    if found.low > 0 or found.high < 0 or found.high - found.low <= 2 * wished:
        return 0
    half = max(abs(found.value), wished)
    smaller = min(one.n, other.n)
    needed = smaller * ((found.high - found.low) / 2 / half) ** 2 if half else smaller * Z**2
    return max(1, ceil(needed - smaller))


def _too_few(missing: int) -> CannotTell:
    words = f"Cannot tell yet: it takes at least {missing} more conversations that are held back."
    return CannotTell(why="too_few_conversations", in_words=words, more_conversations=missing)


def shuffled(one: Sequence[float], other: Sequence[float], rng: Random) -> Shuffled:
    """The smaller group is drawn anew from both, as often as there is time for."""
    everything, few = [*one, *other], min(len(one), len(other))
    many, total, sign = len(everything) - few, sum(everything), 1 if len(one) <= len(other) else -1
    times = max(FEWEST, min(SHUFFLES, MOST_DRAWS // few))
    drawn = (sum(rng.sample(everything, few)) for _ in range(times))
    found = sorted(sign * (part / few - (total - part) / many) for part in drawn)
    real = abs(sum(one) / len(one) - sum(other) / len(other))
    as_large = (1 + sum(abs(difference) >= real * (1 - 1e-9) for difference in found)) / (times + 1)
    return Shuffled(shuffles=times, quantiles=[found[int(q * (times - 1))] for q in QUANTILES], as_large=as_large)
