"""How much in each hour and each day? Sums of the requests and the ledger, by tenant, key, model, query type and strategy.

An hour is summed anew whenever something was entered for it, as a whole: however often, by whomever and in whatever order,
it comes out the same. Requests count for the model that answered, money and tokens for the model that was paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from math import log
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, FloatField, IntegerField, Q, QuerySet, Sum
from django.db.models.functions import Cast, Floor, Greatest, Ln, TruncHour
from django.utils import timezone

from accounts.models import Tenant
from gateway import histogram, horizons
from gateway.models import LedgerEntry, Marginal, RequestLog, Rollup

LATE = timedelta(minutes=10)  # a transaction of the recorder's is over after that
HOUR = timedelta(hours=1)
DIMENSIONS = ("", "model", "query_type", "strategy", "api_key_id")
BY = ("tenant_id", "api_key_id", "model", "query_type", "strategy")


def roll_up(since: datetime | None = None) -> int:
    """Every hour and day for which something was entered since then (in the last LATE); how many hours that were."""
    entered = timezone.now() - LATE if since is None else since
    touched = RequestLog.objects.filter(entered_at__gte=entered).annotate(hour=TruncHour("received_at", tzinfo=UTC))
    hours = sorted(touched.values_list("hour", flat=True).distinct().order_by())
    for hour in hours:
        _sum(Rollup.Period.HOUR, hour, hour + HOUR, None)
    for tenant, start, end in sorted(set(_days(hours)), key=lambda day: (day[1], str(day[0].pk))):
        _sum(Rollup.Period.DAY, start, end, tenant)
    return len(hours)


def rebuild() -> int:
    """All of them, from nothing but the requests and the ledger; those stay whose requests are deleted by now."""
    with transaction.atomic():
        for kind in (Rollup, Marginal):
            kind._default_manager.filter(horizons.within("starts_at")).delete()
        return roll_up(datetime.min.replace(tzinfo=UTC))


def _days(hours: Iterable[datetime]) -> Iterator[tuple[Tenant, datetime, datetime]]:
    """The calendar days that these hours touch, where each tenant lives."""
    for hour in hours:
        ids = RequestLog.objects.filter(received_at__gte=hour, received_at__lt=hour + HOUR).values("tenant_id").distinct()
        for tenant in Tenant.objects.filter(pk__in=ids):
            zone = ZoneInfo(tenant.time_zone)
            for moment in (hour, hour + HOUR - timedelta(microseconds=1)):
                day = moment.astimezone(zone).date()
                yield tenant, midnight(day, zone), midnight(day + timedelta(days=1), zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@transaction.atomic
def _sum(period: str, start: datetime, end: datetime, tenant: Tenant | None) -> None:
    """One period, of one tenant or of all, summed anew; not of those whose requests of that time are deleted."""
    own = Q() if tenant is None else Q(tenant_id=tenant.pk)
    if deleted := horizons.beyond(start):
        own &= ~Q(tenant_id__in=deleted)
    old = Rollup.objects.filter(own, period=period, starts_at=start)
    list(old.select_for_update().values_list("pk", flat=True))  # two that sum the same wait for each other
    key = {"period": period, "starts_at": start}
    if tenant is not None and start.minute == end.minute == 0:
        sums = _of_hours(Rollup.objects.filter(own, period=Rollup.Period.HOUR, starts_at__gte=start, starts_at__lt=end), key)
    else:
        sums = _of_rows(own, start, end, key)
    old.delete()
    Rollup.objects.bulk_create(sums.values(), ignore_conflicts=True)
    Marginal.objects.filter(own, period=period, starts_at=start).delete()
    Marginal.objects.bulk_create(marginals(sums.values()), ignore_conflicts=True)


def marginals(rollups: Iterable[Rollup]) -> list[Marginal]:
    """What these come to by each thing alone, and in all."""
    found: dict[tuple[Any, ...], list[Rollup]] = {}
    for one in rollups:
        for dimension in DIMENSIONS:
            value = str(getattr(one, dimension)) if dimension else ""
            found.setdefault((one.period, one.starts_at, one.tenant_id, dimension, value), []).append(one)
    return [_marginal(key, several) for key, several in found.items()]


def _marginal(key: tuple[Any, ...], several: list[Rollup]) -> Marginal:
    period, starts_at, tenant_id, dimension, value = key
    sums: dict[str, Any] = {name: sum(getattr(one, name) for one in several) for name in _ADDED}
    sums |= {name: histogram.added(getattr(one, name) for one in several) for name, _ in _HISTOGRAMS}
    about = {"period": period, "starts_at": starts_at, "tenant_id": tenant_id}
    return Marginal(**about, dimension=dimension.removesuffix("_id"), value=value, **sums)


Sums = dict[tuple[Any, ...], Rollup]
_ADDED = ("requests", "failures", "fallbacks", "input_tokens", "output_tokens", "cost_usd")
_HISTOGRAMS = (("durations", "duration_ms"), ("first_tokens", "ttft_ms"))


def _one(sums: Sums, row: Mapping[str, Any], key: Mapping[str, Any]) -> Rollup:
    by = tuple(row[name] for name in BY)
    if by not in sums:
        sums[by] = Rollup(**key, **{name: row[name] for name in BY})
    return sums[by]


def _of_hours(hours: QuerySet[Rollup], key: Mapping[str, Any]) -> Sums:
    """A day that begins and ends with an hour is the sum of its hours, which are there."""
    sums: Sums = {}
    for hour in hours.iterator(chunk_size=2000):
        one = _one(sums, {name: getattr(hour, name) for name in BY}, key)
        for name in _ADDED:
            setattr(one, name, getattr(one, name) + getattr(hour, name))
        for name, _ in _HISTOGRAMS:
            setattr(one, name, histogram.added((getattr(one, name), getattr(hour, name))))
    return sums


def _of_rows(own: Q, start: datetime, end: datetime, key: Mapping[str, Any]) -> Sums:
    sums: Sums = {}
    failed = Q(status__in=[RequestLog.Status.ERROR, RequestLog.Status.ORPHANED])
    requests = RequestLog.objects.filter(own, received_at__gte=start, received_at__lt=end)
    counted = requests.values(*BY).annotate(
        all=Count("pk"), failed=Count("pk", filter=failed), again=Count("pk", filter=Q(attempts__1__isnull=False))
    )
    for row in counted.order_by():
        one = _one(sums, row, key)
        one.requests, one.failures, one.fallbacks = row["all"], row["failed"], row["again"]
    entries = LedgerEntry.objects.filter(own, at__gte=start, at__lt=end).values(*BY)
    for row in entries.annotate(i=Sum("input_tokens"), o=Sum("output_tokens"), usd=Sum("amount_usd")).order_by():
        one = _one(sums, row, key)
        one.input_tokens, one.output_tokens, one.cost_usd = row["i"], row["o"], row["usd"]
    for name, field in _HISTOGRAMS:
        for by, counts in _counted(requests, field):
            setattr(_one(sums, by, key), name, counts)
    return sums


def _counted(requests: QuerySet[RequestLog], field: str) -> Iterator[tuple[Mapping[str, Any], list[int]]]:
    """A histogram of each group, counted where the rows are."""
    at = Cast(Floor(Ln(Greatest(Cast(field, FloatField()), 1.0)) / log(histogram.STEP)), IntegerField())
    rows = requests.filter(**{f"{field}__isnull": False}).annotate(bucket=at).values(*BY, "bucket").annotate(n=Count("pk"))
    found: dict[tuple[Any, ...], dict[int, int]] = {}
    for row in rows.order_by():
        found.setdefault(tuple(row[name] for name in BY), {})[row["bucket"]] = row["n"]
    for by, counts in found.items():
        yield dict(zip(BY, by, strict=True)), histogram.counts(counts)
