"""What can be said of an API key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from accounts.models import MOST_USD, ApiKey, Budget, Limit, Tenant
from routing.rules import Strategy
from routing.snapshot import catalog

OVERLAPS = (("0", "Not at all: it stops now"), ("1", "1 hour"), ("24", "24 hours"), ("168", "7 days"))
PERIODS = (("month", "a month"), ("day", "a day"))


class KeyForm(forms.Form):
    """Filled from `key` where there is one. `put_on` writes what was said."""

    name = forms.CharField(max_length=120, help_text="Where it is used, such as “website, production”.")
    scope = forms.ChoiceField(choices=ApiKey.Scope.choices, label="May")
    default_strategy = forms.ChoiceField(required=False, label="Strategy", help_text="Where a request names none.")
    tradeoff = forms.FloatField(
        min_value=0,
        max_value=10,
        required=False,
        label="Slider",
        help_text="From 0, the price, to 10, the quality, with the strategy auto. Empty: as the workspace has it.",
    )
    allowed_models = forms.MultipleChoiceField(
        required=False, label="Models", help_text="None chosen: all of them. Hold Ctrl or ⌘ to choose several."
    )
    expires = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="The key is good to the end of this day."
    )
    requests_per_minute = forms.IntegerField(min_value=1, required=False)
    tokens_per_minute = forms.IntegerField(min_value=1, required=False)
    running = forms.IntegerField(min_value=1, required=False, label="Requests at once")
    budget = forms.DecimalField(
        min_value=0, max_value=MOST_USD, max_digits=13, decimal_places=6, required=False, label="Budget in USD"
    )
    budget_period = forms.ChoiceField(choices=PERIODS, required=False, label="Per")

    FIRST: Sequence[str] = ("name", "scope", "default_strategy", "tradeoff", "expires")
    BOUNDS: Sequence[str] = ("requests_per_minute", "tokens_per_minute", "running", "budget", "budget_period")

    def __init__(self, *args: Any, tenant: Tenant, key: ApiKey | None = None, **kwargs: Any) -> None:
        self._tenant, self._key = tenant, key
        super().__init__(*args, **{"initial": self._said(key) if key else None, **kwargs})
        own = [(own.name, f"{own.name} (yours)") for own in tenant.strategies.all()]
        strategies = [("", "As the workspace has it"), *((s.value, s.value) for s in Strategy), *own]
        self.fields["default_strategy"].choices = strategies  # type: ignore[attr-defined]
        self.fields["allowed_models"].choices = models()  # type: ignore[attr-defined]

    @property
    def first(self) -> list[forms.BoundField]:
        return [self[name] for name in self.FIRST]

    @property
    def bounds(self) -> list[forms.BoundField]:
        return [self[name] for name in self.BOUNDS]

    def clean_expires(self) -> datetime | None:
        return end_of(self.cleaned_data["expires"], self._tenant)

    def put_on(self, key: ApiKey, *, bounds: bool) -> None:
        """`bounds`: whether this person may set limits and budgets, too."""
        said = self.cleaned_data
        key.name, key.scope, key.expires_at = said["name"], said["scope"], said["expires"]
        key.default_strategy, key.tradeoff = said["default_strategy"], said["tradeoff"]
        key.allowed_models = said["allowed_models"]
        key.save()
        if bounds:
            self._put_limit(key)
            self._put_budget(key)

    def _put_limit(self, key: ApiKey) -> None:
        sizes = {name: self.cleaned_data[name] for name in ("requests_per_minute", "tokens_per_minute", "running")}
        if any(sizes.values()) or key.limits.filter(model="").exists():
            Limit.objects.update_or_create(tenant=key.tenant, api_key=key, model="", defaults=sizes)

    def _put_budget(self, key: ApiKey) -> None:
        """One budget in USD; of the other period none is left."""
        amount: Decimal | None = self.cleaned_data["budget"]
        period = self.cleaned_data["budget_period"] or "month"
        now, own = timezone.now(), key.budgets.filter(unit=Budget.Unit.USD, ended_at=None)
        for budget in own if amount is None else own.exclude(period=period):
            budget.ended_at = now
            budget.save()
        if amount is not None:
            Budget.objects.update_or_create(
                tenant=key.tenant,
                api_key=key,
                period=period,
                unit=Budget.Unit.USD,
                ended_at=None,
                defaults={"amount": amount},
            )

    @staticmethod
    def _said(key: ApiKey) -> dict[str, Any]:
        limit = key.limits.filter(model="").first()
        budget = key.budgets.filter(unit=Budget.Unit.USD, ended_at=None).first()
        return {
            "name": key.name,
            "scope": key.scope,
            "default_strategy": key.default_strategy,
            "tradeoff": key.tradeoff,
            "allowed_models": key.allowed_models,
            "expires": key.expires_at.astimezone(ZoneInfo(key.tenant.time_zone)).date() if key.expires_at else None,
            "requests_per_minute": limit and limit.requests_per_minute,
            "tokens_per_minute": limit and limit.tokens_per_minute,
            "running": limit and limit.running,
            "budget": budget and f"{budget.amount.normalize():f}",
            "budget_period": budget.period if budget else "month",
        }


class NewKeyForm(KeyForm):
    test = forms.BooleanField(
        required=False, label="Test key", help_text="It reaches the sandbox only: invented answers that cost nothing."
    )
    FIRST = (*KeyForm.FIRST, "test")


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(choices=OVERLAPS, initial="24", label="The old key stays good for")


def end_of(day: date | None, tenant: Tenant) -> datetime | None:
    """The end of that day, where the workspace lives. Raises ValidationError for one that is over."""
    if day is None:
        return None
    end = datetime.combine(day, time(23, 59, 59), ZoneInfo(tenant.time_zone))
    if end <= timezone.now():
        raise forms.ValidationError("This day is over.")
    return end


def models() -> list[tuple[str, list[tuple[str, str]]]]:
    """By provider, as a list to choose from."""
    known = catalog()
    groups: dict[str, list[tuple[str, str]]] = {}
    for model in known.models.values():
        groups.setdefault(known.providers[model.provider].display_name, []).append((model.id, model.id))
    return list(groups.items())
