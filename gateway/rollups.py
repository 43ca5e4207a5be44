"""How much in each hour and each day? Sums of the requests and the ledger, by tenant, key, model and query type.

An hour is summed anew whenever something was entered for it, as a whole: however often, by whomever and in whatever order,
it comes out the same. Requests count for the model that answered, money and tokens for the model that was paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from accounts.models import Tenant
from gateway import horizons
from gateway.models import LedgerEntry, RequestLog, Rollup

LATE = timedelta(minutes=10)  # a transaction of the recorder's is over after that
HOUR = timedelta(hours=1)
BY = ("tenant_id", "api_key_id", "model", "query_type")


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
        Rollup.objects.filter(horizons.within("starts_at")).delete()
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
    sums: dict[tuple[Any, ...], Rollup] = {}

    def of(row: dict[str, Any]) -> Rollup:
        key = tuple(row[name] for name in BY)
        if key not in sums:
            sums[key] = Rollup(period=period, starts_at=start, **{name: row[name] for name in BY})
        return sums[key]

    failed = Q(status__in=[RequestLog.Status.ERROR, RequestLog.Status.ORPHANED])
    requests = RequestLog.objects.filter(own, received_at__gte=start, received_at__lt=end).values(*BY)
    for row in requests.annotate(all=Count("pk"), failed=Count("pk", filter=failed)).order_by():
        of(row).requests, of(row).failures = row["all"], row["failed"]
    entries = LedgerEntry.objects.filter(own, at__gte=start, at__lt=end).values(*BY)
    for row in entries.annotate(i=Sum("input_tokens"), o=Sum("output_tokens"), usd=Sum("amount_usd")).order_by():
        of(row).input_tokens, of(row).output_tokens, of(row).cost_usd = row["i"], row["o"], row["usd"]
    old.delete()
    Rollup.objects.bulk_create(sums.values(), ignore_conflicts=True)
