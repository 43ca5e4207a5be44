"""How much was used, by whom, on what? Read off the hours and days that are summed already: never from single requests.

A period is half open, [since, until), in whole hours. Whole days of the tenant's own time zone are read as days, what is
left of them as hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import F, Q, Value
from msgspec import Struct

from accounts.models import Tenant
from gateway import histogram
from gateway.models import Marginal, Rollup
from gateway.rollups import midnight

Dimension = Literal["model", "provider", "query_type", "strategy", "api_key"]
Interval = Literal["hour", "day"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_POINTS = 1000  # of a series

_SUMS = ("requests", "failures", "fallbacks", "input_tokens", "output_tokens", "cost_usd")


class Totals(Struct, frozen=True, kw_only=True):
    """Times in milliseconds, within an eighth (gateway/histogram.py); None where nothing was timed."""

    requests: int = 0
    failures: int = 0
    fallbacks: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    p50_ms: float | None = None
    p95_ms: float | None = None
    first_p50_ms: float | None = None
    first_p95_ms: float | None = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def failure_share(self) -> float:
        return self.failures / self.requests if self.requests else 0.0


class Point(Struct, frozen=True):
    """Of a series: one hour or one day."""

    starts_at: datetime
    totals: Totals


class Share(Struct, frozen=True):
    """Of a whole: one model, one key …"""

    name: str
    totals: Totals


def totals(tenant: Tenant, since: datetime, until: datetime, **only: str) -> Totals:
    """`only`: model, query_type, strategy, api_key."""
    return _added(list(_read(_when(tenant, since, until), None, only)))


def series(tenant: Tenant, since: datetime, until: datetime, interval: Interval, **only: str) -> list[Point]:
    """One for each hour, or each day of the tenant's; those without a request too. Raises ValueError beyond MOST_POINTS."""
    starts = _starts(tenant, since, until, interval)
    if len(starts) > MOST_POINTS:
        raise ValueError(f"There would be {len(starts)} points; {MOST_POINTS} is the most. Ask for a shorter time, or for days.")
    found: dict[datetime, list[Mapping[str, Any]]] = {}
    for row in _read(_each(tenant, since, until, interval), None, only):
        found.setdefault(row["starts_at"], []).append(row)
    return [Point(start, _added(found.get(start, ()))) for start in starts]


def days_elsewhere(tenant: Tenant, since: datetime, until: datetime, zone: ZoneInfo, **only: str) -> list[Point]:
    """Days of another time zone than the tenant's, read off hours; an hour is of the day in which it begins there."""
    found: dict[datetime, list[Mapping[str, Any]]] = {start: [] for start in _midnights(since, until, zone)}
    for row in _read(_each(tenant, since, until, "hour"), None, only):
        found.setdefault(midnight(row["starts_at"].astimezone(zone).date(), zone), []).append(row)
    return [Point(start, _added(rows)) for start, rows in sorted(found.items())]


def series_by(
    tenant: Tenant, since: datetime, until: datetime, interval: Interval, by: Dimension
) -> tuple[list[datetime], dict[str, list[Decimal]]]:
    """When each point begins, and what each model (key …) cost at it: the dearest first."""
    starts = _starts(tenant, since, until, interval)
    at = {start: place for place, start in enumerate(starts)}
    found: dict[str, list[Decimal]] = {}
    column = "model" if by == "provider" else by
    rows = Marginal.objects.filter(_each(tenant, since, until, interval), dimension=column)
    for starts_at, value, usd in rows.values_list("starts_at", "value", "cost_usd").order_by():
        name = value.partition("/")[0] if by == "provider" else value
        if (place := at.get(starts_at)) is not None:
            found.setdefault(name, [Decimal(0)] * len(starts))[place] += usd
    return starts, dict(sorted(found.items(), key=lambda item: -sum(item[1])))


def shares(tenant: Tenant, since: datetime, until: datetime, by: Dimension, **only: str) -> list[Share]:
    """The dearest first; those that cost the same by their requests."""
    column = "model" if by == "provider" else by
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in _read(_when(tenant, since, until), column, only):
        name = str(row["value"])
        found.setdefault(name.partition("/")[0] if by == "provider" else name, []).append(row)
    made = [Share(name, _added(several)) for name, several in found.items()]
    return sorted(made, key=lambda share: (-share.totals.cost_usd, -share.totals.requests, share.name))


def at_prices_of(tenant: Tenant, since: datetime, until: datetime, usd_per_token: tuple[Decimal, Decimal]) -> Decimal:
    """What the same tokens, in and out, would have cost at one model's list prices."""
    whole = totals(tenant, since, until)
    return whole.input_tokens * usd_per_token[0] + whole.output_tokens * usd_per_token[1]


# --- which rows


def _read(when: Q, by: str | None, only: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Rows with `starts_at`, the sums and, where `by` says a column, its `value`. Off the marginals, where nothing else is
    asked; of several things at once only the sums by everything know."""
    columns = ("starts_at", *_SUMS, "durations", "first_tokens")
    if not only or (by is None and len(only) == 1):
        dimension, value = next(iter(only.items()), (by or "", None))
        rows = Marginal.objects.filter(when, dimension=dimension)
        rows = rows if value is None else rows.filter(value=str(value))
        return iter(rows.order_by().values("value", *columns).iterator(chunk_size=5000))
    crossed = Rollup.objects.filter(when, **only).order_by().annotate(value=F(by) if by else Value(""))
    return iter(crossed.values("value", *columns).iterator(chunk_size=5000))


def _each(tenant: Tenant, since: datetime, until: datetime, interval: Interval) -> Q:
    return Q(tenant=tenant, period=interval, starts_at__gte=since, starts_at__lt=until)


def _when(tenant: Tenant, since: datetime, until: datetime) -> Q:
    """Whole days as days, the rest as hours."""
    zone = ZoneInfo(tenant.time_zone)
    first, last = _day_from(since, zone), _day_until(until, zone)
    hours = Q(period=Rollup.Period.HOUR)
    if first >= last:
        when = hours & Q(starts_at__gte=since, starts_at__lt=until)
    else:
        when = Q(period=Rollup.Period.DAY, starts_at__gte=first, starts_at__lt=last)
        when |= hours & Q(starts_at__gte=since, starts_at__lt=first)
        when |= hours & Q(starts_at__gte=last, starts_at__lt=until)
    return when & Q(tenant=tenant)


def _day_from(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first midnight there that is not before it."""
    day = moment.astimezone(zone).date()
    start = midnight(day, zone)
    return start if start == moment else midnight(day + DAY, zone)


def _day_until(moment: datetime, zone: ZoneInfo) -> datetime:
    """The last midnight there that is not after it."""
    return midnight(moment.astimezone(zone).date(), zone)


def _starts(tenant: Tenant, since: datetime, until: datetime, interval: Interval) -> list[datetime]:
    if interval == "hour":
        return [since + HOUR * n for n in range(max(0, -((since - until) // HOUR)))]
    return _midnights(since, until, ZoneInfo(tenant.time_zone))


def _midnights(since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    day, found = _day_from(since, zone).astimezone(zone).date(), list[datetime]()
    while (start := midnight(day, zone)) < until:
        found.append(start)
        day += DAY
    return found


# --- sums


def _added(rows: Sequence[Mapping[str, Any]]) -> Totals:
    durations = histogram.added(row["durations"] for row in rows)
    first = histogram.added(row["first_tokens"] for row in rows)
    counts: dict[str, Any] = {name: sum(row[name] for row in rows) for name in _SUMS}
    return Totals(
        **counts | {"cost_usd": Decimal(counts["cost_usd"])},
        p50_ms=histogram.quantile(durations, 0.5),
        p95_ms=histogram.quantile(durations, 0.95),
        first_p50_ms=histogram.quantile(first, 0.5),
        first_p95_ms=histogram.quantile(first, 0.95),
    )
