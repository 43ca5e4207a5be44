"""How does what was spent reach the budgets? The recorder's side: each charge once, with its ledger entry.

settle     in the transaction that enters the ledger: from the hold into the window's spending
release    what the dead still held, once their journals have been read to the end
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from gateway import alerts
from gateway.models import BudgetWindow, Hold, LedgerEntry, RequestLog, Spender
from routing.types import PICO_PER_USD, Held

log = logging.getLogger("routeplex.settlement")


def settle(rows: Sequence[RequestLog], enter: Callable[[Sequence[RequestLog]], None]) -> None:
    """Enters the ledger and counts what is new in it under the windows that it was held from. In a transaction."""
    charged = [row for row in rows if any(attempt.get("holds") for attempt in row.attempts)]
    if not charged:
        enter(rows)
        return
    windows = _locked({held.hold for row in charged for held in _all_holds(row)})
    known = set(
        LedgerEntry.objects.filter(request_id__in=[row.request_id for row in charged]).values_list("request_id", "attempt")
    )
    enter(rows)
    charges: Counter[int] = Counter()
    for row in charged:
        for attempt in row.attempts:
            if (row.request_id, attempt["number"]) not in known:
                charges.update(_charges(row, attempt))
    _count(charges, windows)


def _locked(holds: Iterable[int]) -> Mapping[int, BudgetWindow]:
    """By hold. Whoever else wants to change them waits, and so they are always locked in the same order."""
    windows = BudgetWindow.objects.select_for_update(of=("self",)).select_related("budget").order_by("pk")
    of_holds = dict(Hold.objects.filter(pk__in=holds).values_list("pk", "window_id"))
    by_id = {window.pk: window for window in windows.filter(pk__in=set(of_holds.values()))}
    return {hold: by_id[window] for hold, window in of_holds.items()}


def _all_holds(row: RequestLog) -> Iterable[Held]:
    return [msgspec.convert(held, Held) for attempt in row.attempts for held in attempt.get("holds") or ()]


def _charges(row: RequestLog, attempt: Mapping[str, Any]) -> Mapping[int, int]:
    """Units by hold. Of an attempt whose end nobody saw, what is estimated of it, within what it had reserved."""
    holds = [msgspec.convert(held, Held) for held in attempt.get("holds") or ()]
    if row.status != RequestLog.Status.ORPHANED:
        return {held.hold: held.amount for held in holds}
    if attempt is not row.attempts[-1]:
        return {}
    estimate = {"usd": int(row.cost_usd * PICO_PER_USD), "tokens": row.input_tokens + row.output_tokens}
    return {held.hold: min(held.amount, estimate[held.unit]) for held in holds}


def _count(charges: Mapping[int, int], windows: Mapping[int, BudgetWindow]) -> None:
    before = {window.pk: window.spent for window in windows.values()}
    for hold in Hold.objects.select_for_update().filter(pk__in=charges.keys() & windows.keys()).order_by("pk"):
        window, charge = windows[hold.pk], charges[hold.pk]
        window.spent += charge
        window.reserved -= min(charge, hold.amount)
        hold.returned -= max(0, charge - hold.amount)  # it was released before its time: what was given back was spent
        hold.settled += charge
        hold.save(update_fields=["settled", "returned"])
    for window in {window.pk: window for window in windows.values()}.values():
        window.save(update_fields=["spent", "reserved"])
        alerts.told(window, before[window.pk])


# --- the dead


def release(journal: str, alive: Callable[[], set[str]]) -> int:
    """Gives back what processes of this journal hold that are not `alive` any more; how many those were. `alive` is asked
    after the database: who is in it has opened its journal before."""
    spenders = list(Spender.objects.filter(journal=journal, gone_at=None).values_list("pk", flat=True))
    dead = sorted(set(spenders) - alive()) if spenders else []
    for spender in dead:
        free(spender)
    return len(dead)


@transaction.atomic
def free(spender: str) -> None:
    """All that it holds goes back. Only for a process that is dead for sure: what it spent and told nobody is not counted."""
    held = Hold.objects.filter(spender_id=spender)
    windows = _locked(list(held.values_list("pk", flat=True)))
    for hold in held.select_for_update().order_by("pk"):
        windows[hold.pk].reserved -= hold.amount
        hold.returned += hold.amount
        hold.save(update_fields=["returned"])
    for window in windows.values():
        window.save(update_fields=["reserved"])
    Spender.objects.filter(pk=spender).update(gone_at=timezone.now())
    log.info("%s is gone; what it held of %d windows is free again", spender, len(windows))
