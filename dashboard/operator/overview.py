"""How is the platform doing? Traffic, spend against what is charged, errors by provider, the slowest tenants, what lags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.names import provider
from dashboard.operator.lags import lags
from dashboard.overview import Figure, change, count, dollars
from gateway import platform
from gateway.platform import OfTenant, Traffic

RANGES: Mapping[str, tuple[str, int]] = {"24h": ("24 hours", 1), "7d": ("7 days", 7), "30d": ("30 days", 30)}
LATEST = 2_000  # requests of which the calls are looked at
LISTED = 10
NOT_THEIRS = ("", "client_gone")  # answered, or nobody was there any more to be answered


def page(request: HttpRequest) -> HttpResponse:
    name = request.GET.get("range", "24h")
    name = name if name in RANGES else "24h"
    until = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = until - timedelta(days=RANGES[name][1])
    now, before = platform.traffic(since, until), platform.traffic(since - (until - since), since)
    tenants = platform.by_tenant(since, until)
    context = {
        "span": name,
        "ranges": [(key, label) for key, (label, _) in RANGES.items()],
        "figures": _figures(now, before, tenants),
        "traffic": _chart(platform.by_hour(since, until), daily=RANGES[name][1] > 7),
        "providers": _providers(),
        "dearest": tenants[:LISTED],
        "more": max(0, len(tenants) - LISTED),
        "slowest": platform.slowest(tenants, max(since, until - timedelta(days=1)), until),
        "lags": lags(),
    }
    return render(request, "dashboard/operator/overview.html", context)


def _figures(now: Traffic, before: Traffic, tenants: list[OfTenant]) -> list[Figure]:
    charged = sum((one.charged_usd for one in tenants), Decimal(0))
    failed = f"{now.failures:,} of {now.requests:,} ended in an error"
    again = f"{now.fallbacks:,} took more than one try" if now.fallbacks else ""
    return [
        Figure("Requests", count(now.requests), change(now.requests, before.requests), None, again),
        Figure("Tenants", count(len(tenants)), None, None, "that asked something"),
        Figure("Tokens", count(now.tokens), change(now.tokens, before.tokens), None),
        Figure("Provider cost", dollars(now.cost_usd), change(now.cost_usd, before.cost_usd), None),
        Figure("Charged", dollars(charged), None, None, "with markups, without tenants' own keys"),
        Figure("Errors", f"{now.failure_share:.2%}", change(now.failure_share, before.failure_share), good=False, hint=failed),
    ]


def _chart(points: list[tuple[datetime, Traffic]], *, daily: bool) -> dict[str, Any]:
    if daily:
        points = _days(points)
    failures = [traffic.failures for _, traffic in points]
    answered = [traffic.requests - traffic.failures for _, traffic in points]
    return {
        "kind": "stack",
        "unit": "count",
        "x": [int(start.timestamp()) for start, _ in points],
        "lines": [{"label": "answered", "values": answered}, {"label": "failed", "values": failures, "bad": True}],
        "zone": "UTC",
        "interval": "day" if daily else "hour",
    }


def _days(hours: list[tuple[datetime, Traffic]]) -> list[tuple[datetime, Traffic]]:
    found: dict[datetime, list[Traffic]] = {}
    for start, traffic in hours:
        found.setdefault(start.replace(hour=0), []).append(traffic)
    return [
        (day, Traffic(requests=sum(t.requests for t in several), failures=sum(t.failures for t in several)))
        for day, several in found.items()
    ]


def _providers() -> dict[str, Any]:
    """What came of their calls; a request that another model answered in the end is an error here."""
    since, found = platform.attempts(LATEST)
    rows = []
    for name, counts in sorted(found.items(), key=lambda item: -item[1].total()):
        calls = counts.total()
        kinds = [(kind, n) for kind, n in counts.most_common() if kind not in NOT_THEIRS]
        errors = sum(n for _, n in kinds)
        rows.append({"name": provider(name), "calls": calls, "errors": errors, "share": errors / calls, "kinds": kinds})
    return {"since": since, "rows": rows}
