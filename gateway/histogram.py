"""How are many durations kept in little? Counts by buckets, each a quarter longer than the one before. Pure.

What is read off them is within an eighth of the truth, whatever was added up: hours, days, keys, models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import floor, log

STEP = 1.25  # from one bucket to the next
BUCKETS = 64  # the last one begins at 21 minutes and has no end

Counts = Sequence[int]  # by bucket; what is behind the last one is nothing


def bucket(ms: float) -> int:
    return min(BUCKETS - 1, floor(log(max(1.0, ms)) / log(STEP)))


def counts(found: Mapping[int, int]) -> list[int]:
    """From counts by number of the bucket; without the empty ones at the end."""
    kept = {min(BUCKETS - 1, max(0, at)): 0 for at in found}
    for at, count in found.items():
        kept[min(BUCKETS - 1, max(0, at))] += count
    return [kept.get(at, 0) for at in range(max(kept, default=-1) + 1)]


def added(several: Iterable[Counts]) -> list[int]:
    found = [0] * BUCKETS
    for one in several:
        for at, count in enumerate(one):
            found[at] += count
    while found and not found[-1]:
        found.pop()
    return found


def quantile(several: Counts, share: float) -> float | None:
    """In milliseconds: so many of them are shorter. Within a bucket as if they lay evenly; None of none."""
    total = sum(several)
    if not total:
        return None
    wanted, before = share * total, 0.0
    for at, count in enumerate(several):
        if count and before + count >= wanted:
            return float(STEP ** (at + (wanted - before) / count))
        before += count
    return float(STEP ** len(several))
