"""Does all the money add up? Requests against ledger, ledger against rollups and budgets, ledger against a provider's export."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TextIO

from django.db.models import F, Model, Q, Sum
from django.utils import timezone
from msgspec import Struct

from gateway import horizons
from gateway.leases import spent_in
from gateway.models import BudgetWindow, LedgerEntry, Marginal, RequestLog, Rollup, Spender

COLUMNS = ("request_id", "cost_usd")  # of an export: the provider's request id, and what it bills


class Difference(Struct, frozen=True):
    what: str
    ours: Decimal
    theirs: Decimal

    def __str__(self) -> str:
        return f"{self.what}: {self.ours} USD in the ledger, {self.theirs} there; {self.theirs - self.ours:+f}"


class Miscounted(Struct, frozen=True):
    """A window whose counters are not the sums of what they count; in pico-dollars or tokens."""

    window: str
    what: str
    counted: int
    sum: int

    def __str__(self) -> str:
        return f"{self.window}: {self.counted} counted, {self.sum} {self.what}; {self.sum - self.counted:+d}"


class UnreadableExport(Exception):
    """The file is no export of the form that we read; the message says why."""


def differences(export: TextIO | None = None) -> Iterator[Difference]:
    """None where everything adds up. Raises UnreadableExport."""
    ledger = _by_tenant(LedgerEntry, "amount_usd")
    there = _by_tenant(LedgerEntry, "amount_usd", horizons.within("at"))
    yield from _compared("requests of tenant", there, _by_tenant(RequestLog, "cost_usd", horizons.within("received_at")))
    for period in Rollup.Period.values:
        yield from _compared(f"rollups by {period} of tenant", ledger, _by_tenant(Rollup, "cost_usd", Q(period=period)))
        whole = Q(period=period, dimension="")
        yield from _compared(f"marginals by {period} of tenant", ledger, _by_tenant(Marginal, "cost_usd", whole))
    if export is not None:
        yield from _compared_with(export)


# --- budgets


def miscounted() -> Iterator[Miscounted]:
    """None where every window is the sum of its holds and, where all of it was counted, of the ledger."""
    held = F("holds__granted") - F("holds__returned") - F("holds__settled")
    windows = BudgetWindow.objects.select_related("budget").annotate(held=Sum(held), settled=Sum("holds__settled"))
    for window in windows.order_by("pk").iterator():
        sums = [
            ("held by processes", window.reserved, window.held or 0),
            ("settled by processes", window.spent, window.seed + (window.settled or 0)),
        ]
        budget = window.budget
        if budget.unit == budget.Unit.USD and budget.created_at <= window.starts_at and budget.ended_at is None:
            sums.append(("in the ledger", window.spent, spent_in(budget, window.starts_at, window.ends_at)))
        yield from (Miscounted(str(window), what, counted, of) for what, counted, of in sums if counted != of)


def violations() -> int:
    """Windows, since the installation, in which more was spent than the budget ever was."""
    return BudgetWindow.objects.filter(spent__gt=F("most")).filter(spent__gt=F("seed")).count()


def excess() -> Decimal:
    """USD that providers billed beyond the limits that they were given: the operator's, and in no budget."""
    adjusted = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ADJUSTMENT, amount_usd__lt=0)
    return -(adjusted.aggregate(sum=Sum("amount_usd"))["sum"] or Decimal(0))


def missing_for(since: timedelta) -> Iterator[Spender]:
    """Processes that hold money, have not been heard of for so long, and that no recorder has found dead."""
    return Spender.objects.filter(gone_at=None, seen_at__lt=timezone.now() - since).order_by("seen_at").iterator()


# --- ledger, requests, rollups, export


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
