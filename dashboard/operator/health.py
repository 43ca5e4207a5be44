"""How are the providers, as the gateways see them, and who shall have no requests for a while?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts import audit
from gateway import standing
from gateway.standing import MINUTES, WAYS, provider_of
from routing.snapshot import catalog


class TurnForm(forms.Form):
    target = forms.CharField(max_length=200)
    way = forms.ChoiceField(choices=[(way, way) for way in WAYS])
    minutes = forms.ChoiceField(choices=[(n, n) for n in MINUTES], required=False)

    def minutes_said(self) -> int:
        return int(self.cleaned_data["minutes"] or MINUTES[1])

    def clean_target(self) -> str:
        target = str(self.cleaned_data["target"])
        if target not in catalog().models and target not in catalog().providers:
            raise forms.ValidationError(f"There is no provider or model {target}.")
        return target


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/operator/health.html", _told())


def now(request: HttpRequest) -> HttpResponse:
    """The part of the page that is loaded again and again."""
    return render(request, "dashboard/operator/health_now.html", _told())


def _told() -> dict[str, Any]:
    providers = [provider_of(name) for name in catalog().providers]
    shown = [provider for provider in providers if provider.reached or provider.drained]
    return {"providers": shown, "away": [p.title for p in providers if p not in shown], "minutes": MINUTES}


@require_POST
def turn(request: HttpRequest) -> HttpResponse:
    form = TurnForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(e) for errors in form.errors.values() for e in errors))
        return redirect("operator_health")
    target, way, minutes = form.cleaned_data["target"], form.cleaned_data["way"], form.minutes_said()
    with transaction.atomic():
        standing.keep(target, way)
        audit.operated(request, WAYS[way], target, **({"minutes": minutes} if way == "open" else {}))
    standing.turn(target, way, minutes)
    messages.success(request, f"{target}: {_DONE[way].format(minutes=minutes)}")
    return redirect("operator_health")


_DONE: Mapping[str, str] = {
    "open": "no requests for {minutes} minutes, as long as another model can answer; then it is tried again.",
    "close": "taken for well again, by every gateway.",
    "drain": "takes no new requests. What runs there may finish.",
    "let_in": "takes requests again.",
}
