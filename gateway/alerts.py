"""When has a budget reached a share of which somebody wants to hear? Written down with the spending, told by Celery."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts.models import Budget
from accounts.notices import tell
from gateway.models import BudgetAlert, BudgetWindow
from routing.types import PICO_PER_USD

EVENT = "budget.threshold_reached"
USED_UP = 99  # percent: then 100 has been reached


def told(window: BudgetWindow, before: int) -> None:
    """A row for each share that the spending has passed since it was `before`, in the transaction that counts it; once each,
    however often the budget is raised or lowered."""
    crossed = shares_crossed(before, window.spent, window.budget.size, window.budget.alert_shares)
    BudgetAlert.objects.bulk_create([BudgetAlert(window=window, share=share) for share in crossed], ignore_conflicts=True)


def shares_crossed(before: int, spent: int, size: int, shares: list[int]) -> list[int]:
    """Percents. The last hundredth rarely pays for a whole request: without it, a budget is used up."""
    reached = {share: min(share, USED_UP) * size for share in sorted(shares)}
    return [share for share, at in reached.items() if size and before * 100 < at <= spent * 100]


def tell_alerts() -> int:
    """Messages of every share that was reached and not told yet; how many alerts that were. Twice does no harm."""
    _note_overtaken()
    waiting = BudgetAlert.objects.filter(told_at=None).order_by("pk").values_list("pk", flat=True)
    return sum(map(_tell, list(waiting)))


def _note_overtaken() -> None:
    """A budget that is set to less than was spent already is passed by no spending: of the shares that it has reached by that,
    the highest is told."""
    now = timezone.now()
    current = BudgetWindow.objects.filter(starts_at__lte=now, ends_at__gt=now, spent__gt=0, budget__ended_at=None)
    for window in current.select_related("budget").prefetch_related("alerts"):
        shares = window.budget.alert_shares
        known = {alert.share for alert in window.alerts.all()}
        missing = [share for share in shares_crossed(0, window.spent, window.budget.size, shares) if share not in known]
        rows = [BudgetAlert(window=window, share=s, told_at=None if s == missing[-1] else now) for s in missing]
        BudgetAlert.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def _tell(pk: int) -> bool:
    """Whoever sets `told_at` writes the messages, in the same transaction."""
    if not BudgetAlert.objects.filter(pk=pk, told_at=None).update(told_at=timezone.now()):
        return False
    alert = BudgetAlert.objects.select_related("window__budget__tenant", "window__budget__api_key").get(pk=pk)
    budget = alert.window.budget
    subject, text = _words(alert, budget)
    tell(budget.tenant, EVENT, _data(alert, budget), subject=subject, text=text)
    return True


def _data(alert: BudgetAlert, budget: Budget) -> dict[str, Any]:
    """What a webhook says. Amounts are decimal strings in the budget's unit."""
    return {
        "share_percent": alert.share,
        "spent": _plain(alert.window.spent, budget),
        "budget": _plain(budget.size, budget),
        "unit": budget.unit,
        "period": budget.period,
        "api_key": None if budget.api_key is None else {"id": str(budget.api_key_id), "name": budget.api_key.name},
        "window_starts_at": alert.window.starts_at.isoformat(),
        "resets_at": alert.window.ends_at.isoformat(),
        "reached_at": alert.at.isoformat(),
    }


def _words(alert: BudgetAlert, budget: Budget) -> tuple[str, str]:
    """Subject and text of a mail."""
    tenant, key = budget.tenant, budget.api_key
    whose = f"the key “{key.name}” of {tenant.name}" if key else tenant.name
    spent, size = _told_amount(alert.window.spent, budget), _told_amount(budget.size, budget)
    resets = alert.window.ends_at.astimezone(ZoneInfo(tenant.time_zone))
    full = alert.share >= 100
    subject = (
        f"{whose}: the budget of this {budget.period} is used up"
        if full
        else f"{whose}: {alert.share} % of the {budget.period}'s budget is used"
    )
    what = (
        "Requests are refused with 429 (budget_exhausted) until then. Raise the budget to let them through before."
        if full
        else "Nothing is refused yet. When it is used up, requests are refused with 429 (budget_exhausted)."
    )
    text = f"""{subject[0].upper()}{subject[1:]}.

Spent    {spent}
Budget   {size} a {budget.period}
Resets   {resets:%A, %d %B %Y, %H:%M} ({tenant.time_zone})

{what}
"""
    return subject, text


def _plain(units: int, budget: Budget) -> str:
    return f"{Decimal(units) / PICO_PER_USD:f}" if budget.unit == Budget.Unit.USD else str(units)


def _told_amount(units: int, budget: Budget) -> str:
    """Cents; of little money, what a request may cost."""
    if budget.unit != Budget.Unit.USD:
        return f"{units:,} tokens"
    usd = Decimal(units) / PICO_PER_USD
    return f"${usd:,.2f}" if not usd or usd >= Decimal("0.1") else f"${usd:.6f}"
