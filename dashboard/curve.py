"""What does each place of the slider cost, and how good is it, for a workspace's own requests? By the router's forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from math import log10

from django.core.cache import cache
from django.utils import timezone
from msgspec import Struct

from accounts.models import Tenant
from gateway import records
from gateway.records import Decided
from learning.targets import Target, World, decided_under
from routing.refusals import Refused
from routing.snapshot import catalog_of
from routing.types import PICO_PER_USD

PLACES = (0.0, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0)
SAMPLE = 40  # of the requests of the last two weeks
KEPT_S = 3600.0
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 230, 44, 22, 16, 44


class Point(Struct, frozen=True):
    """Mean predicted quality and cost of a request; `x`, `y` in the picture."""

    place: float
    quality: float
    usd: float
    x: float
    y: float
    chosen: bool


class Curve(Struct, frozen=True):
    width: int
    height: int
    points: Sequence[Point]
    line: str
    sample: int

    @property
    def ends(self) -> tuple[Point, Point]:
        return self.points[0], self.points[-1]


def of(tenant: Tenant, tradeoff: float) -> Curve | None:
    """None without requests to look at."""
    name = f"curve-{tenant.pk}"
    found: list[tuple[float, float, float]] | None = cache.get(name)
    if found is None:
        found = list(_means(_sample(tenant)))
        cache.set(name, found, KEPT_S)
    return _drawn(found, tradeoff) if found else None


def _sample(tenant: Tenant) -> list[Decided]:
    now = timezone.now()
    rows = records.decided(str(tenant.pk), now - timedelta(days=14), now)
    routed = (row for row in rows if row.decision is not None and row.decision.mode == "routeplex-ai")
    return list(islice(routed, SAMPLE))


def _means(rows: Sequence[Decided]) -> Iterator[tuple[float, float, float]]:
    for place in PLACES:
        found = [forecast for row in rows if (forecast := _first(row, place)) is not None]
        if found:
            yield place, sum(q for q, _ in found) / len(found), sum(c for _, c in found) / len(found) / PICO_PER_USD


def _first(row: Decided, place: float) -> tuple[float, int] | None:
    assert row.decision is not None
    known = catalog_of(row.decision.snapshot_version)
    if known is None:
        return None
    try:
        decision = decided_under(Target(tradeoff=place), row, World(catalog=known, learned=None), None)
    except Refused:
        return None
    forecast = max(decision.ranked, key=lambda one: one.score).forecast
    return forecast.quality, forecast.cost


def _drawn(found: Sequence[tuple[float, float, float]], tradeoff: float) -> Curve:
    costs, qualities = [log10(max(usd, 1e-9)) for _, _, usd in found], [quality for _, quality, _ in found]
    low, high, worst, best = min(costs), max(costs), min(qualities), max(qualities)
    nearest = min((place for place, _, _ in found), key=lambda place: abs(place - tradeoff))
    points = [
        Point(
            place, quality, usd,
            round(LEFT + (cost - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT), 1),
            round(TOP + (best - quality) / ((best - worst) or 1) * (HEIGHT - TOP - BOTTOM), 1),
            place == nearest,
        )
        for (place, quality, usd), cost in zip(found, costs, strict=True)
    ]  # fmt: skip
    line = " ".join(f"{point.x},{point.y}" for point in points)
    return Curve(WIDTH, HEIGHT, points, line, SAMPLE)
