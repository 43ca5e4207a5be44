"""How much may be asked, and spent."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models.keys import ApiKey
from accounts.models.tenants import Tenant
from routing.types import PICO_PER_USD, RateLimit, SpendLimit


class Limit(models.Model):
    """How much a tenant, or one of its keys, may ask for at a time; of one model, or of all together."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="limits")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="limits", help_text="Empty: all keys."
    )
    model = models.CharField(max_length=200, blank=True, help_text="An id such as openai/gpt-4o; empty: all models.")
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    running = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)], help_text="Requests at once.")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["api_key", "model"], name="one_limit_of_a_key"),
            models.UniqueConstraint(fields=["tenant", "model"], condition=models.Q(api_key=None), name="one_limit_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"limit of {self.api_key or self.tenant} for {self.model or 'all models'}"

    def as_rate_limit(self) -> RateLimit:
        return RateLimit(
            owner="key" if self.api_key_id else "tenant",
            model=self.model,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            running=self.running,
        )


MOST_USD = 4_000_000  # of a budget: whole pico-dollars must fit into 64 bits, twice


def alert_shares() -> list[int]:
    return [50, 80, 100]


def check_shares(shares: object) -> None:
    if not isinstance(shares, list) or not all(isinstance(share, int) and 0 < share <= 100 for share in shares):
        raise ValidationError("Shares are whole percents from 1 to 100, such as [50, 80, 100].")


class Budget(models.Model):
    """The most that a tenant, or one of its keys, may spend in a calendar day or month of the tenant's time zone.

    A budget is ended, never deleted: the gateway's processes learn of a change by `changed_at`."""

    class Period(models.TextChoices):
        DAY = "day"
        MONTH = "month"

    class Unit(models.TextChoices):
        USD = "usd", "USD"
        TOKENS = "tokens", "tokens"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="budgets")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="budgets", help_text="Empty: all keys."
    )
    period = models.CharField(max_length=5, choices=Period.choices)
    unit = models.CharField(max_length=6, choices=Unit.choices, default=Unit.USD)
    amount = models.DecimalField(max_digits=19, decimal_places=6, validators=[MinValueValidator(0)])
    alert_shares = models.JSONField(
        default=alert_shares, blank=True, validators=[check_shares], help_text="Percents of the amount at which somebody is told."
    )
    allow_unpriced = models.BooleanField(default=False, help_text="Models of which nobody knows the price may run, uncounted.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="From then on it bounds nothing.")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["api_key", "period", "unit"], condition=models.Q(ended_at=None), name="one_budget_of_a_key"
            ),
            models.UniqueConstraint(
                fields=["tenant", "period", "unit"],
                condition=models.Q(api_key=None, ended_at=None),
                name="one_budget_of_a_tenant",
            ),
            models.CheckConstraint(
                condition=~models.Q(unit="usd") | models.Q(amount__lte=MOST_USD), name="a_budget_in_usd_that_can_be_counted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.get_unit_display()} a {self.period} for {self.api_key or self.tenant}"

    @property
    def size(self) -> int:
        """In whole pico-dollars or tokens."""
        return int(self.amount * PICO_PER_USD) if self.unit == self.Unit.USD else int(self.amount)

    def amount_of(self, size: int) -> Decimal:
        return Decimal(size) / PICO_PER_USD if self.unit == self.Unit.USD else Decimal(size)

    def as_spend_limit(self) -> SpendLimit:
        return SpendLimit(
            id=str(self.pk),
            owner="key" if self.api_key_id else "tenant",
            period=self.period,  # type: ignore[arg-type]  # the choices are the literal's
            unit=self.unit,  # type: ignore[arg-type]
            size=self.size,
            zone=self.tenant.time_zone,
            unpriced=self.allow_unpriced,
        )
