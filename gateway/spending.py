"""What is left of the budgets? For people: the windows of now, as they stand in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone
from msgspec import Struct

from accounts.models import Budget, Tenant
from gateway.models import BudgetWindow
from routing.types import PICO_PER_USD


class Spending(Struct, frozen=True, kw_only=True):
    """Of one budget, in its window of now. Amounts in USD or tokens, as `unit` says."""

    budget_id: int
    key_id: str | None  # None: of all keys together
    whose: str
    period: str
    unit: str
    spent: Decimal
    size: Decimal
    percent: int
    resets_at: datetime  # where the tenant lives


def spendings_of(tenants: Sequence[Tenant]) -> list[Spending]:
    """Whoever calls has asked accounts.access which are the person's own. A budget that nothing was spent under has none yet."""
    now = timezone.now()
    windows = BudgetWindow.objects.filter(budget__tenant__in=tenants, budget__ended_at=None, starts_at__lte=now, ends_at__gt=now)
    related = windows.select_related("budget__tenant", "budget__api_key")
    return [_spending(window) for window in related.order_by("budget__tenant__name", "budget__api_key__name", "budget__period")]


def _spending(window: BudgetWindow) -> Spending:
    budget = window.budget
    scale = PICO_PER_USD if budget.unit == Budget.Unit.USD else 1
    return Spending(
        budget_id=budget.pk,
        key_id=str(budget.api_key_id) if budget.api_key_id else None,
        whose=f"{budget.tenant.name}, key {budget.api_key.name}" if budget.api_key else budget.tenant.name,
        period=budget.period,
        unit=budget.get_unit_display(),
        spent=Decimal(window.spent) / scale,
        size=Decimal(budget.size) / scale,
        percent=min(100, window.spent * 100 // budget.size) if budget.size else 100,
        resets_at=window.ends_at.astimezone(ZoneInfo(budget.tenant.time_zone)),
    )
