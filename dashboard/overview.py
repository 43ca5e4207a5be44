"""How is it going? What was asked, spent and saved in a time, against the time before it, and by what it was spent."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from msgspec import Struct

from accounts.models import Membership, Tenant
from dashboard import savings
from dashboard.names import Names
from gateway import usage
from gateway.rollups import midnight
from gateway.usage import Dimension, Interval, Totals

RANGES: Mapping[str, tuple[str, int]] = {
    "24h": ("24 hours", 1),
    "7d": ("7 days", 7),
    "30d": ("30 days", 30),
    "90d": ("90 days", 90),
}
USUAL = "7d"
BY: Mapping[str, str] = {
    "model": "Model",
    "provider": "Provider",
    "query_type": "Query type",
    "strategy": "Strategy",
    "api_key": "API key",
}
DRAWN = 5  # of a chart; the rest is one
LISTED = 12
MOST_DAYS = 400  # of a range
MOST_TIMES = 10  # as much as before: more says only that it has just begun


class Span(Struct, frozen=True):
    """A time, and the one of the same length before it."""

    name: str
    since: datetime
    until: datetime
    before: datetime
    interval: Interval
    first: date | None = None  # where days were said
    last: date | None = None

    @property
    def query(self) -> str:
        """What leads back to it."""
        return f"from={self.first}&to={self.last}" if self.first else f"range={self.name}"


class Figure(Struct, frozen=True):
    """One of the numbers on top. `change`: against the time before, as a share; `good`: whether more of it is welcome."""

    label: str
    value: str
    change: float | None
    good: bool | None
    hint: str = ""

    @property
    def tone(self) -> str:
        if self.change is None or self.good is None or abs(self.change) < 0.005:
            return "muted"
        return "text-success" if (self.change > 0) == self.good else "text-error"

    @property
    def told(self) -> str:
        return "" if self.change is None else f"{self.change:+.0%}".replace("-", "\N{MINUS SIGN}")


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    tenant = member.tenant
    span, problem = asked_span(request, tenant)
    by = cast(Dimension, request.GET.get("by") if request.GET.get("by") in BY else "model")
    names = Names(tenant)
    if request.GET.get("csv"):
        return _csv(tenant, span, by, names)
    now, before = usage.totals(tenant, span.since, span.until), usage.totals(tenant, span.before, span.since)
    context = {
        "span": span,
        "problem": problem,
        "ranges": [(name, label) for name, (label, _) in RANGES.items()],
        "figures": figures(now, before),
        "totals": now,
        "by": by,
        "dimensions": BY.items(),
        "shares": _shares(tenant, span, by, names, now),
        "spent": _spent(tenant, span, by, names),
        "times": _times(tenant, span),
        "saved": savings.computed(tenant, span.since, span.until, now.cost_usd),
    }
    return render(request, "dashboard/overview.html", context)


def measured(request: HttpRequest, member: Membership) -> HttpResponse:
    """A part of the page: what the conversations that were held back say of the savings."""
    span, _ = asked_span(request, member.tenant)
    found = savings.measured(member.tenant, span.since, span.until)
    return render(request, "dashboard/overview_measured.html", {"found": found})


def asked_span(request: HttpRequest, tenant: Tenant) -> tuple[Span, str]:
    """One of RANGES, or the days from … to … where they are said; and what was wrong with those."""
    said = [request.GET.get(name, "") for name in ("from", "to")]
    if not any(said):
        return span_of(tenant, request.GET.get("range", USUAL)), ""
    try:
        first, last = (date.fromisoformat(text) for text in said)
    except ValueError:
        return span_of(tenant, USUAL), "Say both days, the first and the last."
    if not 0 <= (last - first).days < MOST_DAYS:
        return span_of(tenant, USUAL), f"The last day comes after the first, and {MOST_DAYS} days are the most."
    zone, length = ZoneInfo(tenant.time_zone), last - first + timedelta(days=1)
    since, until, before = (midnight(day, zone) for day in (first, first + length, first - length))
    return Span("", since, until, before, "hour" if length.days <= 2 else "day", first, last), ""


def span_of(tenant: Tenant, name: str) -> Span:
    """Whole hours up to now for a day, whole days of the tenant's, today too, for more."""
    name = name if name in RANGES else USUAL
    days = RANGES[name][1]
    until = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    if days == 1:
        return Span(name, until - timedelta(days=1), until, until - timedelta(days=2), "hour")
    zone = ZoneInfo(tenant.time_zone)
    today = timezone.now().astimezone(zone).date()
    since, before = (midnight(today - timedelta(days=n * days - 1), zone) for n in (1, 2))
    return Span(name, since, until, before, "day")


def figures(now: Totals, before: Totals) -> list[Figure]:
    tokens = f"{now.input_tokens:,} in, {now.output_tokens:,} out"
    slow, first_slow = (f"95th percentile {_ms(ms)}" for ms in (now.p95_ms, now.first_p95_ms))
    failed = f"{now.failures:,} of {now.requests:,} ended in an error"
    return [
        Figure("Requests", count(now.requests), change(now.requests, before.requests), None),
        Figure("Spend", dollars(now.cost_usd), change(now.cost_usd, before.cost_usd), good=False),
        Figure("Tokens", count(now.tokens), change(now.tokens, before.tokens), None, tokens),
        Figure("Errors", f"{now.failure_share:.2%}", change(now.failure_share, before.failure_share), good=False, hint=failed),
        Figure("Answer, median", _ms(now.p50_ms), change(now.p50_ms, before.p50_ms), good=False, hint=slow),
        Figure(
            "First token, median",
            _ms(now.first_p50_ms),
            change(now.first_p50_ms, before.first_p50_ms),
            good=False,
            hint=f"{first_slow}; of streams",
        ),
    ]


def change(now: Any, before: Any) -> float | None:
    """None where there is nothing to compare with, or next to nothing."""
    if now is None or not before or float(now) > MOST_TIMES * float(before):
        return None
    return float(now) / float(before) - 1


def count(number: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            return f"{number / (1000 if letter == 'k' else size):.1f}{letter}"
    return f"{number:,}"


def dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4f}"


def _ms(ms: float | None) -> str:
    if ms is None:
        return "—"
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


# --- by what


def _shares(tenant: Tenant, span: Span, by: Dimension, names: Names, whole: Totals) -> list[dict[str, Any]]:
    found = usage.shares(tenant, span.since, span.until, by)
    return [
        {
            "name": names.of(by, share.name),
            "value": share.name,
            "totals": share.totals,
            "percent": float(share.totals.cost_usd / whole.cost_usd * 100) if whole.cost_usd else 0.0,
            "p50": _ms(share.totals.p50_ms),
        }
        for share in found[:LISTED]
    ]


def _spent(tenant: Tenant, span: Span, by: Dimension, names: Names) -> dict[str, Any]:
    starts, found = usage.series_by(tenant, span.since, span.until, span.interval, by)
    drawn = list(found.items())[:DRAWN]
    rest = [sum(column) for column in zip(*(values for _, values in list(found.items())[DRAWN:]), strict=True)]
    lines = [{"label": names.of(by, name), "values": [round(float(value), 6) for value in values]} for name, values in drawn]
    if any(rest):
        lines.append({"label": "all others", "values": [round(float(value), 6) for value in rest]})
    return {
        "kind": "stack",
        "unit": "usd",
        "x": [int(start.timestamp()) for start in starts],
        "lines": lines,
        **_axis(tenant, span),
    }


def _times(tenant: Tenant, span: Span) -> dict[str, Any]:
    points = usage.series(tenant, span.since, span.until, span.interval)
    lines = [
        {"label": "median", "values": [_rounded(point.totals.p50_ms) for point in points]},
        {"label": "95th percentile", "values": [_rounded(point.totals.p95_ms) for point in points]},
        {"label": "first token, median", "values": [_rounded(point.totals.first_p50_ms) for point in points]},
    ]
    return {
        "kind": "lines",
        "unit": "ms",
        "x": [int(p.starts_at.timestamp()) for p in points],
        "lines": lines,
        **_axis(tenant, span),
    }


def _axis(tenant: Tenant, span: Span) -> Mapping[str, str]:
    return {"zone": tenant.time_zone, "interval": span.interval}


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def rows_of(chart: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """The table behind a chart: a row for each point."""
    return [[at, *(line["values"][place] for line in chart["lines"])] for place, at in enumerate(chart["x"])]


def _csv(tenant: Tenant, span: Span, by: Dimension, names: Names) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="usage-{span.since:%Y-%m-%d}-to-{span.until:%Y-%m-%d}-by-{by}.csv"'
    out = csv.writer(response)
    out.writerow([by, "requests", "failures", "fallbacks", "input_tokens", "output_tokens", "cost_usd", "p50_ms", "p95_ms"])
    for share in usage.shares(tenant, span.since, span.until, by):
        t = share.totals
        told = [
            t.requests,
            t.failures,
            t.fallbacks,
            t.input_tokens,
            t.output_tokens,
            t.cost_usd,
            _rounded(t.p50_ms),
            _rounded(t.p95_ms),
        ]
        out.writerow([safe(names.of(by, share.name)), *told])
    return response


def safe(text: str) -> str:
    """In a table that somebody opens with a spreadsheet: never a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
