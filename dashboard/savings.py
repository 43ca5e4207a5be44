"""What does routing save against the tenant's baseline? Measured, where conversations are held back on it; else computed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from msgspec import Struct

from accounts.models import Tenant
from gateway import records, usage
from learning.models import TenantLearning
from learning.savings import Savings, savings
from routing.prices import rates_for
from routing.snapshot import catalog
from routing.types import PICO_PER_USD

MOST_REQUESTS = 20_000  # that are read while somebody waits


class Computed(Struct, frozen=True):
    """The same tokens at the baseline's list prices, less what was spent. `held_back`: whether it is measured, too."""

    baseline: str
    would_have: Decimal
    saved: Decimal
    percent: float
    held_back: float


def computed(tenant: Tenant, since: datetime, until: datetime, spent: Decimal) -> Computed | None:
    """None where the tenant has declared no baseline, or one that nobody knows any more."""
    wishes = TenantLearning.objects.filter(tenant=tenant).only("baseline", "held_back").first()
    model = catalog().models.get(wishes.baseline) if wishes else None
    if wishes is None or model is None:
        return None
    rates = rates_for(model, on=timezone.now().date(), input_tokens=0)
    prices = Decimal(rates.input) / PICO_PER_USD, Decimal(rates.output) / PICO_PER_USD
    would_have = usage.at_prices_of(tenant, since, until, prices)
    saved = would_have - spent
    percent = float(saved / would_have * 100) if would_have else 0.0
    return Computed(wishes.baseline, would_have, saved, percent, wishes.held_back)


def measured(tenant: Tenant, since: datetime, until: datetime) -> Savings | int:
    """How many requests there are, where those are too many to be read now."""
    count = records.count(str(tenant.pk), since, until)
    return count if count > MOST_REQUESTS else savings(str(tenant.pk), since, until)
