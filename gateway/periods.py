"""When does a budget begin anew? Calendar days and months where the tenant lives. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from routing.types import Period


@lru_cache(4096)
def window_on(period: Period, zone: str, day: date) -> tuple[float, float]:
    """Start and end (Unix seconds) of the period that holds this local day. The first moment of a day is its midnight, or,
    where the clocks skip that, the moment at which they do."""
    first = day.replace(day=1) if period == "month" else day
    after = (first + timedelta(days=32)).replace(day=1) if period == "month" else first + timedelta(days=1)
    return _midnight(first, zone), _midnight(after, zone)


def window_at(period: Period, zone: str, at: float) -> tuple[float, float]:
    """The one in which this moment (Unix seconds) lies."""
    return window_on(period, zone, datetime.fromtimestamp(at, ZoneInfo(zone)).date())


def _midnight(day: date, zone: str) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()
