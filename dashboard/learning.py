"""What has the router learned of this workspace's own work, from how much, and what may be done about it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.models import Membership
from dashboard.names import Names
from learning import steering, telling
from learning.enhancing import enhanced
from learning.models import MOST_EXPLORED, MOST_HELD_BACK
from learning.steering import NoSuchVersion, Wishes
from routing.snapshot import catalog

WIDE = 0.25  # of a shift: the whole half of its bar
ENHANCED_FOR = timedelta(days=30)
VERSIONS = 12  # that are listed


class WishesForm(forms.Form):
    learns = forms.BooleanField(required=False, label="Learn from outcomes and feedback")
    gives = forms.BooleanField(
        required=False, label="Give: sums of our outcomes, with those of four others at least, may help others"
    )
    takes = forms.BooleanField(required=False, label="Take: sums of others' outcomes may help us")
    explores = forms.FloatField(
        min_value=0,
        max_value=MOST_EXPLORED * 100,
        label="Try other models on, at most, % of requests",
        help_text="Only those that may well be better than the first, in work that you give feedback on; never under quality.",
    )
    baseline = forms.ChoiceField(required=False, label="Baseline", help_text="The model that savings are measured against.")
    held_back = forms.FloatField(
        min_value=0,
        max_value=MOST_HELD_BACK * 100,
        label="Keep % of conversations on the baseline",
        help_text="So that savings are measured and not guessed. One or two are enough; 0 for none.",
    )
    judge = forms.ChoiceField(
        required=False, label="Judge", help_text="A model that grades a sample of the answers that you keep."
    )
    judge_share = forms.FloatField(min_value=0, max_value=100, label="Let it grade % of the answers")
    judge_usd_per_day = forms.FloatField(min_value=0, max_value=100_000, label="For at most, USD a day")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = sorted(catalog().models.values(), key=lambda model: model.display_name)
        choices = [("", "None"), *((model.id, f"{model.display_name} ({model.provider})") for model in models)]
        for name in ("baseline", "judge"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def wishes(self) -> Wishes:
        said = dict(self.cleaned_data)
        for name in ("explores", "held_back", "judge_share"):
            said[name] = round(said[name] / 100, 4)
        return Wishes(**said)


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    return _page(request, member)


def _page(request: HttpRequest, member: Membership, form: WishesForm | None = None) -> HttpResponse:
    tenant_id, names = str(member.tenant.pk), Names(member.tenant)
    state = telling.state_of(tenant_id)
    context = {
        "state": state,
        "arms": [_arm(arm) for arm in state["arms"] if arm["outcomes"] >= 1 or abs(arm["quality_shift"]) >= 0.01],
        "versions": telling.versions_of(tenant_id)[:VERSIONS],
        "enhanced": enhanced(tenant_id, timezone.now() - ENHANCED_FOR, timezone.now()),
        "distrusted": [(key, names.of("api_key", key)) for key in state["distrusted_keys"]],
        "form": form or WishesForm(initial=_initial(state["settings"])),
    }
    return render(request, "dashboard/learning.html", context)


def _initial(settings: Mapping[str, Any]) -> dict[str, Any]:
    percents = {name: round(settings[name] * 100, 2) for name in ("explores", "held_back", "judge_share")}
    return {**settings, **percents, "judge_usd_per_day": float(settings["judge_usd_per_day"])}


def _arm(arm: Mapping[str, Any]) -> dict[str, Any]:
    """With its bar: `left` and `width` in percent of the whole."""
    share = min(1.0, abs(arm["quality_shift"]) / WIDE) * 50
    left = 50 - share if arm["quality_shift"] < 0 else 50.0
    return {**arm, "left": f"{left:.1f}", "width": f"{share:.1f}", "certain": f"{arm['certainty'] * 100:.0f}"}


@require_POST
def wish(request: HttpRequest, member: Membership) -> HttpResponse:
    form = WishesForm(request.POST)
    if not form.is_valid():
        return _page(request, member, form)
    steering.wish(str(member.tenant.pk), form.wishes())
    audit.note(request, member.tenant, "learning.changed", **{k: str(v) for k, v in form.cleaned_data.items()})
    messages.success(request, "Saved. Gateways know within two seconds.")
    return redirect("learning", member.tenant.slug)


def _steered(what: str, said: str, steer: Callable[[str, int], None]) -> Callable[..., HttpResponse]:
    """A form that does one thing to one version."""

    @require_POST
    def view(request: HttpRequest, member: Membership, version: int) -> HttpResponse:
        try:
            steer(str(member.tenant.pk), version)
        except NoSuchVersion:
            messages.error(request, f"There is no version {version} any more.")
        else:
            audit.note(request, member.tenant, what, f"version {version}")
            messages.success(request, said.format(version))
        return redirect("learning", member.tenant.slug)

    return view


pin = _steered("learning.pinned", "Version {} serves until you let it go. Learning goes on behind it.", steering.pin)
let_go = _steered("learning.let_go", "What was learned serves again.", lambda tenant, _: steering.let_go(tenant))
roll_back = _steered("learning.rolled_back", "As it was at version {}: what came since is forgotten.", steering.roll_back)


@require_POST
def forget(request: HttpRequest, member: Membership) -> HttpResponse:
    if request.POST.get("sure") != "forget":
        messages.error(request, "Nothing was deleted: write forget into the field.")
    else:
        steering.forget(str(member.tenant.pk))
        audit.note(request, member.tenant, "learning.forgotten")
        messages.success(request, "Everything that was learned and said is deleted. The priors route.")
    return redirect("learning", member.tenant.slug)


@require_POST
def trust(request: HttpRequest, member: Membership, key: str) -> HttpResponse:
    steering.trust(str(member.tenant.pk), key)
    audit.note(request, member.tenant, "learning.trusted", Names(member.tenant).of("api_key", key))
    messages.success(request, "Its feedback counts again, from the next batch on.")
    return redirect("learning", member.tenant.slug)
