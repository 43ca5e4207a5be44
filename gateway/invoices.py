"""What does the operator charge? For each tenant and month of its own calendar: cost by day and model, markup, charge.

What ran with a tenant's own key is billed by its provider, and not here.

Lines are exact: the sum of their costs is the ledger's, and a charge is cost × (1 + markup / 100). Only what is to be paid is
rounded, once for each invoice, to whole cents, halves to even. A payment processor takes the totals: `invoices_of` is its seam.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TextIO
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.db.models.functions import TruncDate
from msgspec import Struct

from accounts.models import Tenant
from gateway.models import LedgerEntry
from gateway.periods import window_on

CENT = Decimal("0.01")
COLUMNS = (
    "month",
    "tenant_id",
    "tenant",
    "plan",
    "day",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "markup_percent",
    "charge_usd",
    "due_usd",
)


class Line(Struct, frozen=True, kw_only=True):
    """One day and model."""

    day: date
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    charge_usd: Decimal


class Invoice(Struct, frozen=True, kw_only=True):
    tenant_id: str
    tenant: str
    plan: str
    markup_percent: Decimal
    lines: Sequence[Line]

    @property
    def cost_usd(self) -> Decimal:
        return sum((line.cost_usd for line in self.lines), Decimal(0))

    @property
    def charge_usd(self) -> Decimal:
        return sum((line.charge_usd for line in self.lines), Decimal(0))

    @property
    def due_usd(self) -> Decimal:
        return self.charge_usd.quantize(CENT, ROUND_HALF_EVEN)


def invoices_of(month: date) -> Iterator[Invoice]:
    """Of every tenant that spent something in the month in which this day lies, by name; with the markup of today."""
    for tenant in Tenant.objects.select_related("plan").order_by("name", "pk"):
        markup = markup_of(tenant)
        if lines := list(_lines(tenant, month, markup)):
            yield Invoice(
                tenant_id=str(tenant.pk),
                tenant=tenant.name,
                plan=tenant.plan.name if tenant.plan else "",
                markup_percent=markup,
                lines=lines,
            )


def markup_of(tenant: Tenant) -> Decimal:
    """Percent: the tenant's own, else its plan's, else none."""
    if tenant.markup_percent is not None:
        return tenant.markup_percent
    return tenant.plan.markup_percent if tenant.plan else Decimal(0)


def charge(cost: Decimal, markup_percent: Decimal) -> Decimal:
    """USD, exact."""
    return cost + cost * markup_percent / 100


def _lines(tenant: Tenant, month: date, markup: Decimal) -> Iterator[Line]:
    start, end = (datetime.fromtimestamp(at, UTC) for at in window_on("month", tenant.time_zone, month))
    entries = LedgerEntry.objects.filter(tenant=tenant, at__gte=start, at__lt=end, own_credential=False)
    sums = entries.annotate(day=TruncDate("at", tzinfo=ZoneInfo(tenant.time_zone))).values("day", "model")
    for row in sums.annotate(i=Sum("input_tokens"), o=Sum("output_tokens"), usd=Sum("amount_usd")).order_by("day", "model"):
        cost = row["usd"].quantize(Decimal("1e-12"))  # SQLite sums decimals as floats; whole pico-dollars are what was entered
        yield Line(
            day=row["day"],
            model=row["model"],
            input_tokens=row["i"],
            output_tokens=row["o"],
            cost_usd=cost,
            charge_usd=charge(cost, markup),
        )


def write(invoices: Iterable[Invoice], month: date, out: TextIO) -> int:
    """As CSV: the lines of each invoice, then its total, the only row with `due_usd`; how many invoices those are."""
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    written = 0
    for invoice in invoices:
        rows.writerows(_rows(invoice, month))
        written += 1
    return written


def _rows(invoice: Invoice, month: date) -> Iterator[Sequence[object]]:
    who = (f"{month:%Y-%m}", invoice.tenant_id, _harmless(invoice.tenant), invoice.plan)
    for line in invoice.lines:
        told = (line.day, line.model, line.input_tokens, line.output_tokens)
        yield (*who, *told, f"{line.cost_usd:f}", invoice.markup_percent, f"{line.charge_usd:f}", "")
    tokens = (sum(line.input_tokens for line in invoice.lines), sum(line.output_tokens for line in invoice.lines))
    total = (f"{invoice.cost_usd:f}", invoice.markup_percent, f"{invoice.charge_usd:f}", invoice.due_usd)
    yield (*who, "total", "", *tokens, *total)


def _harmless(name: str) -> str:
    """A spreadsheet takes what begins like this for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
