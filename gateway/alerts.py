"""When has a budget reached a share of which somebody wants to hear? Written down here, told to people elsewhere."""

from __future__ import annotations

from gateway.models import BudgetAlert, BudgetWindow


def told(window: BudgetWindow, before: int) -> None:
    """A row for each share that the spending has passed since it was `before`, in the transaction that counts it; once each,
    however often the budget is raised or lowered. Whoever sends mail or calls webhooks reads BudgetAlert."""
    crossed = shares_crossed(before, window.spent, window.budget.size, window.budget.alert_shares)
    BudgetAlert.objects.bulk_create([BudgetAlert(window=window, share=share) for share in crossed], ignore_conflicts=True)


def shares_crossed(before: int, spent: int, size: int, shares: list[int]) -> list[int]:
    """Percents."""
    return [share for share in sorted(shares) if size and before * 100 < share * size <= spent * 100]
