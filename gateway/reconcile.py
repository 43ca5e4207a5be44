"""Does all the money add up? Requests against ledger, ledger against rollups, ledger against a provider's own export."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import TextIO

from django.db.models import Model, Q, Sum
from msgspec import Struct

from gateway import horizons
from gateway.models import LedgerEntry, RequestLog, Rollup

COLUMNS = ("request_id", "cost_usd")  # of an export: the provider's request id, and what it bills


class Difference(Struct, frozen=True):
    what: str
    ours: Decimal
    theirs: Decimal

    def __str__(self) -> str:
        return f"{self.what}: {self.ours} USD in the ledger, {self.theirs} there; {self.theirs - self.ours:+f}"


class UnreadableExport(Exception):
    """The file is no export of the form that we read; the message says why."""


def differences(export: TextIO | None = None) -> Iterator[Difference]:
    """None where everything adds up. Raises UnreadableExport."""
    ledger = _by_tenant(LedgerEntry, "amount_usd")
    there = _by_tenant(LedgerEntry, "amount_usd", horizons.within("at"))
    yield from _compared("requests of tenant", there, _by_tenant(RequestLog, "cost_usd", horizons.within("received_at")))
    for period in Rollup.Period.values:
        yield from _compared(f"rollups by {period} of tenant", ledger, _by_tenant(Rollup, "cost_usd", Q(period=period)))
    if export is not None:
        yield from _compared_with(export)


def _by_tenant(of: type[Model], amount: str, among: Q = Q()) -> Mapping[str, Decimal]:  # noqa: B008  # never changed
    rows = of._default_manager.filter(among).values("tenant_id").annotate(sum=Sum(amount)).order_by()
    return {str(row["tenant_id"]): row["sum"] for row in rows}


def _compared(what: str, ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterator[Difference]:
    for name in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(name, Decimal(0)), theirs.get(name, Decimal(0))
        if mine != other:
            yield Difference(f"{what} {name}", mine, other)


def _compared_with(export: TextIO) -> Iterator[Difference]:
    """What the provider bills for each of its request ids, as far as either of us knows it."""
    theirs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for request_id, cost in _rows(export):
        theirs[request_id] += cost
    entries = LedgerEntry.objects.filter(upstream_request_id__in=list(theirs)).values("upstream_request_id")
    ours = {row["upstream_request_id"]: row["sum"] for row in entries.annotate(sum=Sum("amount_usd")).order_by()}
    yield from _compared("the provider's request", ours, theirs)


def _rows(export: TextIO) -> Iterable[tuple[str, Decimal]]:
    reader = csv.DictReader(export)
    if missing := set(COLUMNS) - set(reader.fieldnames or ()):
        raise UnreadableExport(f"The export has no column {' and '.join(sorted(missing))}; its first line names the columns.")
    for number, row in enumerate(reader, 2):
        try:
            yield row["request_id"], Decimal(row["cost_usd"])
        except (InvalidOperation, TypeError):
            raise UnreadableExport(f"Line {number} of the export: {row['cost_usd']!r} is no amount.") from None
