"""Usage and cost, by anything and over any time; and what budgets have left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone
from msgspec import Meta, Struct

from accounts.models import Tenant
from gateway import usage
from gateway.errors import InvalidValue
from gateway.operations import Asked, Operations, operation
from gateway.usage import MOST_POINTS, Dimension, Interval, Totals
from management.fields import Text, Time, plain

HOUR = timedelta(hours=1)
Zone = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_+/-]*$")]


class UsageWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Half open: from `since` (a week ago) until `until` (now), widened to whole hours, or days where `interval` is day.
    `time_zone`: of times that say none, and where days begin; the tenant's where it is not said."""

    since: Time | None = None
    until: Time | None = None
    interval: Interval | None = None
    group_by: Dimension | None = None
    time_zone: Zone = ""
    model: Text = ""
    query_type: Text = ""
    strategy: Text = ""
    api_key: UUID | None = None


class Used(Struct, kw_only=True):
    """Times in milliseconds, within an eighth; None where nothing was timed."""

    requests: int
    failures: int
    fallbacks: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    p50_ms: float | None
    p95_ms: float | None
    first_token_p50_ms: float | None
    first_token_p95_ms: float | None


class UsedAt(Used, kw_only=True):
    starts_at: Time


class UsedBy(Used, kw_only=True):
    name: str


class Usage(Struct, kw_only=True):
    """`series`: where an `interval` was asked for, each hour or day; `groups`: where `group_by` was, the dearest first."""

    since: Time
    until: Time
    time_zone: str
    total: Used
    series: Sequence[UsedAt] | None
    groups: Sequence[UsedBy] | None


class UsageView(Operations):
    @operation("get_usage", "What was used and spent", scope="usage:read", query=UsageWanted, answer=Usage)
    def get(self, asked: Asked) -> Usage:
        wanted: UsageWanted = asked.query
        tenant, zone = asked.tenant, _zone(asked.tenant, wanted.time_zone)
        since, until = _period(zone, wanted)
        only = {name: str(value) for name in ("model", "query_type", "strategy", "api_key") if (value := getattr(wanted, name))}
        return Usage(
            since=since,
            until=until,
            time_zone=str(zone),
            total=Used(**used(usage.totals(tenant, since, until, **only))),
            series=_series(tenant, zone, (since, until), wanted.interval, only) if wanted.interval else None,
            groups=_groups(tenant, since, until, wanted.group_by, only) if wanted.group_by else None,
        )


def _zone(tenant: Tenant, name: str) -> ZoneInfo:
    if name and name not in available_timezones():
        raise InvalidValue(f"{name!r} is no time zone. Write one such as Europe/Zurich or UTC.", param="time_zone")
    return ZoneInfo(name or tenant.time_zone)


def _period(zone: ZoneInfo, wanted: UsageWanted) -> tuple[datetime, datetime]:
    now = timezone.now()
    try:
        since, until = (_moment(at, zone) for at in (wanted.since or now - timedelta(days=7), wanted.until or now))
        since, until = _floor(since), _floor(until + HOUR - timedelta(microseconds=1))
        if wanted.interval == "day":
            since = since.astimezone(zone).replace(hour=0).astimezone(UTC)
    except OverflowError:
        raise InvalidValue("There is no such time.", param="since") from None
    if not timedelta(0) < until - since <= timedelta(days=400):
        raise InvalidValue("A time of up to 400 days, from `since` to `until`.", param="since")
    return since, until


def _moment(at: datetime, zone: ZoneInfo) -> datetime:
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _floor(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _series(
    tenant: Tenant, zone: ZoneInfo, period: tuple[datetime, datetime], interval: Interval, only: dict[str, str]
) -> list[UsedAt]:
    since, until = period
    try:
        if interval == "day" and str(zone) != tenant.time_zone:
            points = usage.days_elsewhere(tenant, since, until, zone, **only)
        else:
            points = usage.series(tenant, since, until, interval, **only)
    except ValueError:
        raise InvalidValue(f"{MOST_POINTS} points at most: ask for a shorter time, or for days.", param="interval") from None
    return [UsedAt(starts_at=point.starts_at, **used(point.totals)) for point in points]


def _groups(tenant: Tenant, since: datetime, until: datetime, by: Dimension, only: dict[str, str]) -> list[UsedBy]:
    return [UsedBy(name=share.name, **used(share.totals)) for share in usage.shares(tenant, since, until, by, **only)]


def used(totals: Totals) -> dict[str, Any]:
    counts = {name: getattr(totals, name) for name in ("requests", "failures", "fallbacks", "input_tokens", "output_tokens")}
    times = {"p50_ms": totals.p50_ms, "p95_ms": totals.p95_ms}
    first = {"first_token_p50_ms": totals.first_p50_ms, "first_token_p95_ms": totals.first_p95_ms}
    return {**counts, "cost_usd": plain(totals.cost_usd), **times, **first}
