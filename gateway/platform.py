"""How is the whole platform doing? All tenants together, for its operator; read off sums, as gateway/usage.py does for one.

Hours are UTC's. A period is half open, [since, until), in whole hours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum
from msgspec import Struct

from accounts.models import Tenant
from gateway import histogram
from gateway.invoices import charge, markup_of
from gateway.models import LedgerEntry, Marginal, RequestLog

HOUR = timedelta(hours=1)
BUSIEST = 50  # tenants among whom the slowest are looked for

_SUMS = ("requests", "failures", "fallbacks", "input_tokens", "output_tokens", "cost_usd")


class Traffic(Struct, frozen=True, kw_only=True):
    """Sums; `cost_usd` is what providers charge, tenants' own keys included."""

    requests: int = 0
    failures: int = 0
    fallbacks: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def failure_share(self) -> float:
        return self.failures / self.requests if self.requests else 0.0


class OfTenant(Struct, frozen=True, kw_only=True):
    """`charged_usd`: with the markup, without what ran with keys of their own. Times in milliseconds, None where none was
    looked up."""

    tenant: Tenant
    traffic: Traffic
    charged_usd: Decimal
    p50_ms: float | None = None
    p95_ms: float | None = None


def traffic(since: datetime, until: datetime) -> Traffic:
    return _traffic(_hours(since, until).aggregate(**_sums()))


def by_hour(since: datetime, until: datetime) -> list[tuple[datetime, Traffic]]:
    """Every hour, those without a request too."""
    rows = _hours(since, until).values("starts_at").annotate(**_sums())
    found = {row["starts_at"]: _traffic(row) for row in rows}
    starts = [since + HOUR * n for n in range(int((until - since) / HOUR))]
    return [(start, found.get(start, Traffic())) for start in starts]


def by_provider(since: datetime, until: datetime) -> dict[str, Traffic]:
    """By the provider that answered, the busiest first; empty: nobody did."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in _hours(since, until, "model").values("value").annotate(**_sums()):
        found.setdefault(row["value"].partition("/")[0], []).append(row)
    made = {name: _traffic({s: sum(row[s] or 0 for row in rows) for s in _SUMS}) for name, rows in found.items()}
    return dict(sorted(made.items(), key=lambda item: -item[1].requests))


def by_tenant(since: datetime, until: datetime) -> list[OfTenant]:
    """Those that asked anything, the dearest first."""
    rows = {row["tenant_id"]: _traffic(row) for row in _hours(since, until).values("tenant_id").annotate(**_sums())}
    own = _own(since, until)
    tenants = Tenant.objects.select_related("plan").filter(pk__in=rows)
    made = [
        OfTenant(
            tenant=tenant,
            traffic=rows[tenant.pk],
            charged_usd=charge(rows[tenant.pk].cost_usd - own.get(tenant.pk, Decimal(0)), markup_of(tenant)),
        )
        for tenant in tenants
    ]
    return sorted(made, key=lambda one: (-one.traffic.cost_usd, -one.traffic.requests, one.tenant.name))


def attempts(latest: int) -> tuple[datetime | None, dict[str, Counter[str]]]:
    """What came of the calls of providers that the latest requests made, by provider: error kinds, "" where it answered. And
    when the first of these requests came."""
    rows = list(RequestLog.objects.filter(is_test=False).order_by("-id").values_list("received_at", "attempts")[:latest])
    found: dict[str, Counter[str]] = {}
    for _, made in rows:
        for attempt in made:
            found.setdefault(attempt["provider"], Counter())[attempt.get("error") or ""] += 1
    return (rows[-1][0] if rows else None), found


def slowest(those: Sequence[OfTenant], since: datetime, until: datetime, most: int = 5) -> list[OfTenant]:
    """Of the BUSIEST, those whose answers took longest at the 95th percentile."""
    busiest = sorted(those, key=lambda one: -one.traffic.requests)[:BUSIEST]
    counts: dict[Any, list[list[int]]] = {}
    rows = _hours(since, until).filter(tenant__in=[one.tenant.pk for one in busiest])
    for tenant, durations in rows.values_list("tenant_id", "durations").iterator(chunk_size=5000):
        counts.setdefault(tenant, []).append(durations)
    timed = [_timed(one, histogram.added(counts.get(one.tenant.pk, ()))) for one in busiest]
    return sorted((one for one in timed if one.p95_ms is not None), key=lambda one: -(one.p95_ms or 0))[:most]


def _timed(one: OfTenant, durations: list[int]) -> OfTenant:
    return OfTenant(
        tenant=one.tenant,
        traffic=one.traffic,
        charged_usd=one.charged_usd,
        p50_ms=histogram.quantile(durations, 0.5),
        p95_ms=histogram.quantile(durations, 0.95),
    )


def _hours(since: datetime, until: datetime, dimension: str = "") -> QuerySet[Marginal]:
    about = {"period": Marginal.Period.HOUR, "dimension": dimension}
    return Marginal.objects.filter(**about, starts_at__gte=since, starts_at__lt=until).order_by()


def _sums() -> dict[str, Sum]:
    return {name: Sum(name) for name in _SUMS}


def _traffic(row: Mapping[str, Any]) -> Traffic:
    counts: dict[str, Any] = {name: row[name] or 0 for name in _SUMS}
    return Traffic(**counts | {"cost_usd": Decimal(counts["cost_usd"])})


def _own(since: datetime, until: datetime) -> dict[Any, Decimal]:
    """What ran with tenants' own keys: billed to them by the provider."""
    entries = LedgerEntry.objects.filter(own_credential=True, at__gte=since, at__lt=until)
    return {row["tenant_id"]: row["usd"] for row in entries.values("tenant_id").annotate(usd=Sum("amount_usd")).order_by()}
