"""Which models are there, at what price, and what has the operator changed of them? A change reaches every gateway in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit
from gateway import operating
from routing import overrides, repricing
from routing.catalog import CatalogError, load
from routing.prices import in_force
from routing.repricing import PRICES, differences, dollars_of, facts_of
from routing.snapshot import catalog, files
from routing.types import Model

_USD = RegexValidator(r"^\d{1,9}(\.\d{1,6})?$", "USD per million tokens, with at most six decimals, such as 1.25.")


class PriceField(forms.CharField):
    """Text, as the catalogue keeps it: a float would not be exact."""

    def __init__(self, **more: Any) -> None:
        super().__init__(required=False, validators=[_USD], **more)


class ModelForm(forms.Form):
    """What of a model the operator may want otherwise; all of it as the catalogue has it now."""

    quality = forms.FloatField(
        min_value=0, max_value=1, help_text="What is believed of it until outcomes teach better: 0 to 1.", label="Prior quality"
    )
    tier = forms.ChoiceField(choices=(("default", "default"), ("premium", "premium")))
    deprecated = forms.BooleanField(required=False, label="Never chosen by itself; answers who names it")
    drained = forms.BooleanField(required=False, label="Drained: takes no new request")
    input = PriceField(help_text="USD per million tokens. Empty in all four: as it is.")
    output = PriceField()
    cached_input = PriceField(label="Read from the cache")
    cache_write = PriceField(label="Written to the cache")
    starts = forms.DateField(
        required=False,
        label="Price holds from",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="A day (UTC), today or later: what has been spent stays as it was charged.",
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if any(said.get(name) for name in PRICES) and not (said.get("input") and said.get("output")):
            self.add_error("input", "A price needs both, input and output.")
        today = timezone.now().date()
        if said.get("input") and (said.get("starts") or today) < today:
            self.add_error("starts", "A price cannot begin before today.")
        return said


def page(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip().lower()
    changed = overrides.stored()
    rows = [_row(model, changed) for model in catalog().models.values() if wanted in model.id.lower()]
    only = request.GET.get("changed")
    rows = [row for row in rows if row["changed"] or row["model"].drained] if only else rows
    context = {"rows": rows, "q": wanted, "only": only, "count": len(catalog().models), "version": catalog().version}
    return render(request, "dashboard/operator/models.html", context)


def _row(model: Model, changed: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": model, "price": dollars_of(in_force(model, timezone.now().date())), "changed": model.id in changed}


def one(request: HttpRequest, model_id: str) -> HttpResponse:
    model = _found(model_id)
    form = ModelForm(request.POST or None, initial=facts_of(model))
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                repricing.change(model, form.cleaned_data)
                audit.operated(request, "catalog.changed", model.id, **_told(model, form.cleaned_data))
            operating.refresh()
        except CatalogError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{model.id} is changed. Every gateway knows within two seconds.")
            return redirect("operator_model", model.id)
    base = load(*files()).models.get(model.id)
    context = {
        "form": form,
        "model": model,
        "prices": [(price, dollars_of(price)) for price in model.prices],
        "today": in_force(model, timezone.now().date()),
        "services": sorted(model.services),
        "changes": differences(base, model) if base else [],
        "changed": bool(overrides.stored().get(model.id)),
    }
    return render(request, "dashboard/operator/model.html", context)


def _told(model: Model, said: Mapping[str, Any]) -> Mapping[str, Any]:
    before = facts_of(model)
    return audit.changes(before, {name: said[name] for name in before})


def _found(model_id: str) -> Model:
    model = catalog().models.get(model_id)
    if model is None:
        raise Http404(f"There is no model {model_id}.")
    return model


@require_POST
def reset(request: HttpRequest, model_id: str) -> HttpResponse:
    """As the files have it."""
    model = _found(model_id)
    with transaction.atomic():
        overrides.put(model.id, {})
        audit.operated(request, "catalog.changed", model.id, reset=True)
    operating.refresh()
    messages.success(request, f"{model.id} is as the catalogue's files have it.")
    return redirect("operator_model", model.id)
