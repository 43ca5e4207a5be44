"""How does a process come by money that it may spend? The database's side of budgets: what is granted here is exact.

Only a process grants itself more and gives back (`lease`), only the recorder settles and releases (gateway/settlement.py);
each locks the window first, then the hold. Plain Django: to be called from a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from msgspec import Struct

from accounts.models import Budget
from gateway.models import BudgetWindow, Hold, LedgerEntry, Spender
from routing.types import PICO_PER_USD

SLICES = 100  # a lease in advance is at most this part of what is left


class Ask(Struct, frozen=True, kw_only=True):
    """What a process wants of one window: at least `need` more, or nothing; and all that it has given back, ever."""

    budget: str
    starts_at: float  # Unix seconds
    ends_at: float
    need: int
    returned: int


class Leased(Struct, frozen=True, kw_only=True):
    """How the window and this process's hold of it stand after that."""

    hold: int  # 0 where the budget is gone
    granted: int  # to this process, ever
    settled: int  # by the recorder, of what this process has spent
    size: int
    spent: int
    reserved: int  # by all processes


def lease(spender: str, journal: str, asks: Sequence[Ask]) -> Iterator[Leased]:
    """One for each, in a transaction of its own. Raises django.db.Error."""
    for ask in asks:
        try:
            yield _lease(spender, journal, ask)
        except Budget.DoesNotExist:  # with its tenant
            yield Leased(hold=0, granted=0, settled=0, size=0, spent=0, reserved=0)


@transaction.atomic
def _lease(spender: str, journal: str, ask: Ask) -> Leased:
    budget = Budget.objects.get(pk=ask.budget)
    window = _locked(budget, ask)
    hold = _hold(window, spender, journal)
    back = max(0, ask.returned - hold.returned)
    window.reserved -= back
    held = window.spent + window.reserved
    size = budget.size if budget.ended_at is None else held + ask.need  # who has not heard yet that it has ended
    more = _more(ask.need, max(0, size - held))
    window.reserved += more
    window.most = max(window.most, size)
    window.save(update_fields=["reserved", "most"])
    hold.returned += back
    hold.granted += more
    hold.save(update_fields=["returned", "granted"])
    return Leased(
        hold=hold.pk,
        granted=hold.granted,
        settled=hold.settled,
        size=size,
        spent=window.spent,
        reserved=window.reserved,
    )


def _more(need: int, room: int) -> int:
    return min(room, max(need, room // SLICES)) if need else 0


def _hold(window: BudgetWindow, spender: str, journal: str) -> Hold:
    if (hold := window.holds.filter(spender_id=spender).first()) is not None:
        return hold
    Spender.objects.get_or_create(pk=spender, defaults={"journal": journal})
    return Hold.objects.create(window=window, spender_id=spender)


def _locked(budget: Budget, ask: Ask) -> BudgetWindow:
    starts_at, ends_at = datetime.fromtimestamp(ask.starts_at, UTC), datetime.fromtimestamp(ask.ends_at, UTC)
    of_it = BudgetWindow.objects.select_for_update().filter(budget=budget, starts_at=starts_at)
    if (window := of_it.first()) is None:
        # a budget that is made in the middle of a month knows what this month has cost so far
        seed = spent_in(budget, starts_at, ends_at)
        fresh = {"ends_at": ends_at, "seed": seed, "spent": seed}
        BudgetWindow.objects.get_or_create(budget=budget, starts_at=starts_at, defaults=fresh)
        window = of_it.get()
    return window


def spent_in(budget: Budget, starts_at: datetime, ends_at: datetime) -> int:
    """By the ledger, in the budget's own units; what requests spent that came in this time."""
    entries = LedgerEntry.objects.filter(tenant_id=budget.tenant_id, at__gte=starts_at, at__lt=ends_at)
    if budget.api_key_id:
        entries = entries.filter(api_key_id=budget.api_key_id)
    sums = entries.aggregate(usd=Sum("amount_usd"), i=Sum("input_tokens"), o=Sum("output_tokens"))
    if budget.unit == Budget.Unit.USD:
        return round((sums["usd"] or Decimal(0)) * PICO_PER_USD)  # SQLite sums decimals as floats
    return (sums["i"] or 0) + (sums["o"] or 0)


# --- who holds


def enrol(spender: str, journal: str) -> None:
    """This process is there; said again and again."""
    seen = {"journal": journal, "seen_at": timezone.now(), "gone_at": None}
    Spender.objects.update_or_create(pk=spender, defaults=seen)
