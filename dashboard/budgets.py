"""Budgets and what is left of them, alerts, and limits of all keys together."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from msgspec import Struct

from accounts import access, audit
from accounts.models import Budget, Limit, Membership
from gateway.reconcile import violations
from gateway.spending import Spending, spendings_of

SIZES = ("requests_per_minute", "tokens_per_minute", "running")


class Row(Struct, frozen=True):
    """A budget with what was spent of it; None before its first request."""

    budget: Budget
    spending: Spending | None


class BudgetForm(forms.Form):
    api_key = forms.ChoiceField(required=False, label="Of")
    amount = forms.DecimalField(min_value=0, max_digits=19, decimal_places=6)
    unit = forms.ChoiceField(choices=Budget.Unit.choices, label="In")
    period = forms.ChoiceField(choices=(("month", "a month"), ("day", "a day")), label="Per")
    alerts = forms.CharField(required=False, initial="50, 80, 100", help_text="Percents at which owners and admins get a mail.")
    allow_unpriced = forms.BooleanField(required=False, label="Models without a known price may run, uncounted")

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = access.api_keys_of(member).filter(revoked_at=None)
        self.fields["api_key"].choices = [("", "All keys together"), *((str(k.pk), k.name) for k in keys)]  # type: ignore[attr-defined]

    def clean_alerts(self) -> list[int]:
        try:
            return sorted({int(share) for share in self.cleaned_data["alerts"].replace("%", "").split(",") if share.strip()})
        except ValueError:
            raise forms.ValidationError("Write whole percents, such as 50, 80, 100.") from None


class LimitForm(forms.ModelForm):
    class Meta:
        model = Limit
        fields = SIZES


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    return _page(request, member)


def _page(
    request: HttpRequest, member: Membership, form: BudgetForm | None = None, limit_form: LimitForm | None = None
) -> HttpResponse:
    spent = {spending.budget_id: spending for spending in spendings_of([member.tenant])}
    context = {
        "rows": [Row(budget, spent.get(budget.pk)) for budget in access.budgets_of(member)],
        "violations": violations(),
        "form": form or BudgetForm(member=member),
        "limit_form": limit_form or LimitForm(instance=_limit(member)),
        "plan": member.tenant.plan,
    }
    return render(request, "dashboard/budgets.html", context)


@require_POST
@transaction.atomic
def set_budget(request: HttpRequest, member: Membership) -> HttpResponse:
    """One for each key, period and unit: a second one takes the place of the first."""
    form = BudgetForm(request.POST, member=member)
    if form.is_valid():
        budget = _budget(member, form.cleaned_data)
        try:
            budget.full_clean()
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        else:
            budget.save()
            audit.note(request, member.tenant, "budget.set", budget, alerts=budget.alert_shares)
            messages.success(request, f"{budget}: gateways know within two seconds.")
            return redirect("budgets", member.tenant.slug)
    return _page(request, member, form)


def _budget(member: Membership, said: dict[str, Any]) -> Budget:
    key = access.api_key_for(member, said["api_key"]) if said["api_key"] else None
    same = {"tenant": member.tenant, "api_key": key, "period": said["period"], "unit": said["unit"], "ended_at": None}
    budget = Budget.objects.filter(**same).first() or Budget(**same)
    budget.amount, budget.allow_unpriced = said["amount"], said["allow_unpriced"]
    budget.alert_shares = said["alerts"]
    return budget


@require_POST
@transaction.atomic
def end(request: HttpRequest, member: Membership, pk: int) -> HttpResponse:
    budget = access.budget_for(member, pk)
    budget.ended_at = timezone.now()
    budget.save()
    audit.note(request, member.tenant, "budget.ended", budget)
    messages.success(request, f"{budget} bounds nothing any more.")
    return redirect("budgets", member.tenant.slug)


@require_POST
@transaction.atomic
def set_limit(request: HttpRequest, member: Membership) -> HttpResponse:
    """Of all keys together."""
    form = LimitForm(request.POST, instance=_limit(member))
    if not form.is_valid():
        return _page(request, member, limit_form=form)
    limit = form.save()
    audit.note(request, member.tenant, "limit.set", limit, **{size: getattr(limit, size) for size in SIZES})
    messages.success(request, "The limits are set. Gateways know within two seconds.")
    return redirect("budgets", member.tenant.slug)


def _limit(member: Membership) -> Limit:
    own = {"tenant": member.tenant, "api_key": None, "model": ""}
    return Limit.objects.filter(**own).first() or Limit(**own)
