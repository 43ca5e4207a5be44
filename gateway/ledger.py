"""What was spent? One entry for each attempt that cost something or was counted; the sums are always made from these.

The recorder enters them together with the request's row: a batch that comes twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from gateway.models import LedgerEntry, RequestLog
from routing.types import PICO_PER_USD


def enter(rows: Sequence[RequestLog]) -> None:
    """The entries of these requests, each once. A test key spends nothing."""
    entries = [entry for row in rows if not row.is_test for entry in _entries(row)]
    LedgerEntry.objects.bulk_create(entries, ignore_conflicts=True)


def _entries(row: RequestLog) -> Iterator[LedgerEntry]:
    if row.status == RequestLog.Status.ORPHANED:
        last = row.attempts[-1]
        yield _entry(row, last, LedgerEntry.Kind.ORPHANED, row.cost_usd, {"input_tokens": row.input_tokens})
        return
    for attempt in row.attempts:
        if (usage := attempt.get("usage")) is not None:
            kind = LedgerEntry.Kind.ESTIMATE if usage.get("estimated") else LedgerEntry.Kind.USAGE
            yield _entry(row, attempt, kind, Decimal(attempt["cost"]) / PICO_PER_USD, usage)
        if excess := attempt.get("excess"):  # above what was reserved for it: the operator's, not the tenant's
            yield _entry(row, attempt, LedgerEntry.Kind.ADJUSTMENT, -Decimal(excess) / PICO_PER_USD, {})


def _entry(row: RequestLog, attempt: Mapping[str, Any], kind: str, amount: Decimal, usage: Mapping[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        tenant_id=row.tenant_id,
        api_key_id=row.api_key_id,
        request_id=row.request_id,
        attempt=attempt["number"],
        kind=kind,
        at=row.received_at,
        model=attempt["model"],
        provider=attempt["provider"],
        query_type=row.query_type,
        strategy=row.strategy,
        upstream_request_id=(attempt.get("upstream_request_id") or "")[:200],
        own_credential=attempt.get("own", False),
        input_tokens=usage.get("input_tokens", 0),
        output_tokens=usage.get("output_tokens", 0),
        amount_usd=amount,
    )


def spent(tenant_ids: Iterable[str], *, since: datetime, until: datetime) -> Decimal:
    """USD, by these tenants, for requests that came in this time."""
    entries = LedgerEntry.objects.filter(tenant_id__in=list(tenant_ids), at__gte=since, at__lt=until)
    return entries.aggregate(sum=Sum("amount_usd"))["sum"] or Decimal(0)
