"""How are this workspace's requests routed? The strategy and the slider, rules, strategies of its own; what would have come of
another choice, before it is made; and every change, who made it, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.models import Membership, Tenant
from dashboard import curve
from gateway import records
from learning.replay import replay
from learning.targets import Target
from routing.models import NAME, TenantStrategy
from routing.refusals import UnknownStrategy
from routing.rules import Parts, Rules, Strategy
from routing.settings import RoutingSettings, change, changes_of, check_names, is_default, settings_of
from routing.settings import undo as put_back
from routing.strategies import STRATEGIES, TRADEOFF, promises

WEEK = timedelta(days=7)
MOST_REQUESTS = 20_000  # that are replayed while somebody waits
CHANGES = 10  # that are listed


class RoutingForm(forms.Form):
    strategy = forms.ChoiceField(label="Default strategy", help_text="Where a request and its key name none.")
    tradeoff = forms.FloatField(
        required=False,
        min_value=0,
        max_value=10,
        label="Slider of auto",
        help_text="From 0, the price, to 10, the quality.",
        widget=forms.NumberInput(attrs={"type": "range", "step": "0.5", "class": "range range-sm", "data-shows": ""}),
    )
    allow = forms.CharField(
        required=False, label="Allow only", help_text="Providers or models: openai, anthropic/claude-sonnet-4"
    )
    deny = forms.CharField(required=False, label="Never")
    regions = forms.CharField(required=False, label="Where data may be processed", help_text="Such as eu, us; empty: anywhere.")
    max_input_usd_per_mtok = forms.FloatField(
        required=False, min_value=0, label="Input price at most", help_text="USD a million tokens"
    )
    max_output_usd_per_mtok = forms.FloatField(
        required=False, min_value=0, label="Output price at most", help_text="USD a million tokens"
    )
    max_fallbacks = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=2,
        label="Fallbacks at most",
        help_text="0: who fails, fails. Empty: as requests ask, two where they do not.",
    )
    premium = forms.BooleanField(required=False, label="Premium models may answer")
    draws = forms.BooleanField(required=False, label="Near-ties are drawn, to learn")

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [(one.name, one.name) for one in tenant.strategies.order_by("name")]
        self.fields["strategy"].choices = [*((name, name) for name in STRATEGIES), *own]  # type: ignore[attr-defined]

    def _names(self, field: str) -> list[str]:
        return [name.strip() for name in self.cleaned_data[field].split(",") if name.strip()]

    def clean_allow(self) -> list[str]:
        return self._known("allow")

    def clean_deny(self) -> list[str]:
        return self._known("deny")

    def clean_regions(self) -> list[str]:
        return [name.lower() for name in self._names("regions")]

    def _known(self, field: str) -> list[str]:
        check_names(names := self._names(field))
        return names

    def settings(self) -> RoutingSettings:
        return msgspec.convert(self.cleaned_data, RoutingSettings)


class StrategyForm(forms.Form):
    """The parts of a strategy of one's own (routing/rules.py says what each does)."""

    name = forms.RegexField(NAME, label="Name", help_text="Small letters, digits, dashes.")
    cost = forms.FloatField(initial=0.03, min_value=0, max_value=10, label="Quality that a tenfold price must buy")
    latency = forms.FloatField(initial=0.01, min_value=0, max_value=10, label="Quality that a tenfold wait must buy")
    keeps = forms.FloatField(initial=0, min_value=0, max_value=1, label="Share of the best quality that is kept")
    max_ms = forms.IntegerField(required=False, min_value=1, label="Answer within, ms")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in [one.value for one in Strategy]:
            raise forms.ValidationError("That is a name of ours: choose another one.")
        return name

    def parts(self) -> Parts:
        said = {name: value for name, value in self.cleaned_data.items() if name != "name" and value is not None}
        return msgspec.convert(said, Parts)


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    return _page(request, member)


def _page(
    request: HttpRequest, member: Membership, form: RoutingForm | None = None, own_form: StrategyForm | None = None
) -> HttpResponse:
    current = settings_of(member.tenant)
    context = {
        "current": current,
        "strategy": current.strategy or Strategy.AUTO.value,
        "promises": {Strategy.AUTO.value: promises()[Strategy.AUTO.value], **promises()},
        "form": form or RoutingForm(initial=_initial(current), tenant=member.tenant),
        "own": member.tenant.strategies.order_by("name"),
        "own_form": own_form or StrategyForm(),
        "changes": changes_of(member)[:CHANGES],
        "curve": curve.of(member.tenant, TRADEOFF if current.tradeoff is None else current.tradeoff),
    }
    return render(request, "dashboard/routing.html", context)


def _initial(current: RoutingSettings) -> Mapping[str, Any]:
    plain = msgspec.to_builtins(current)
    lists = {name: ", ".join(plain[name]) for name in ("allow", "deny", "regions")}
    slider = TRADEOFF if current.tradeoff is None else current.tradeoff
    return {**plain, **lists, "strategy": current.strategy or Strategy.AUTO.value, "tradeoff": slider}


@require_POST
@transaction.atomic
def save(request: HttpRequest, member: Membership) -> HttpResponse:
    form = RoutingForm(request.POST, tenant=member.tenant)
    if not form.is_valid():
        return _page(request, member, form)
    try:
        change(request, member.tenant, form.settings())
    except ValidationError as error:
        form.add_error(None, ValidationError(error.messages))
        return _page(request, member, form)
    messages.success(request, "Saved. Gateways know within two seconds.")
    return redirect("routing", member.tenant.slug)


@require_POST
@transaction.atomic
def undo(request: HttpRequest, member: Membership, pk: int) -> HttpResponse:
    """As it was before that change, whatever came since."""
    put_back(request, member.tenant, get_object_or_404(changes_of(member), pk=pk))
    messages.success(request, "It is as it was before that change.")
    return redirect("routing", member.tenant.slug)


# --- what if


def what_if(request: HttpRequest, member: Membership) -> HttpResponse:
    """A part of the page: what last week would have been under what stands in the form, which is not saved."""
    form = RoutingForm(request.GET, tenant=member.tenant)
    if not form.is_valid():
        return render(
            request, "dashboard/what_if.html", {"problems": [str(e) for errors in form.errors.values() for e in errors]}
        )
    until = timezone.now()
    count = records.count(str(member.tenant.pk), until - WEEK, until)
    if not 0 < count <= MOST_REQUESTS:
        return render(request, "dashboard/what_if.html", {"count": count, "most": MOST_REQUESTS})
    wanted = form.settings()
    try:
        found = replay(str(member.tenant.pk), _target(member.tenant, wanted), until - WEEK, until)
    except UnknownStrategy as error:
        return render(request, "dashboard/what_if.html", {"problems": [str(error)]})
    return render(request, "dashboard/what_if.html", {"found": found})


def _target(tenant: Tenant, wanted: RoutingSettings) -> Target:
    strategy = wanted.strategy or Strategy.AUTO.value
    return Target(
        strategy=strategy,
        tradeoff=wanted.tradeoff if strategy == Strategy.AUTO else None,
        rules=None if _rules(wanted) == _rules(settings_of(tenant)) else _rules(wanted),
        strategies={one.name: one.as_parts() for one in tenant.strategies.all()},
    )


def _rules(wanted: RoutingSettings) -> Rules:
    return Rules(
        allow=frozenset(wanted.allow),
        deny=frozenset(wanted.deny),
        premium=wanted.premium,
        regions=frozenset(wanted.regions),
        max_input_price=_price(wanted.max_input_usd_per_mtok),
        max_output_price=_price(wanted.max_output_usd_per_mtok),
    )


def _price(usd_per_mtok: float | None) -> int | None:
    """In pico-dollars a token: a millionth of a dollar, a million times."""
    return None if usd_per_mtok is None else max(1, round(usd_per_mtok * 10**6))


# --- strategies of one's own


@require_POST
@transaction.atomic
def save_strategy(request: HttpRequest, member: Membership) -> HttpResponse:
    form = StrategyForm(request.POST)
    if not form.is_valid():
        return _page(request, member, own_form=form)
    parts = msgspec.to_builtins(form.parts())
    name = form.cleaned_data["name"]
    TenantStrategy.objects.update_or_create(tenant=member.tenant, name=name, defaults={"parts": parts})
    audit.note(request, member.tenant, "strategy.saved", name, parts=parts)
    messages.success(request, f"{name} is there: send X-RoutePlex-Strategy: {name}, or make it the default.")
    return redirect("routing", member.tenant.slug)


@require_POST
@transaction.atomic
def remove(request: HttpRequest, member: Membership, name: str) -> HttpResponse:
    own = member.tenant.strategies.filter(name=name).first()
    if own is None:
        raise Http404
    if is_default(member.tenant, name):
        messages.error(request, f"{name} is a default: choose another one there first.")
    else:
        own.delete()
        audit.note(request, member.tenant, "strategy.removed", name)
        messages.success(request, f"{name} is gone.")
    return redirect("routing", member.tenant.slug)
