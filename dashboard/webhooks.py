"""Servers of the workspace's own that are told of what happens, and what came of each message."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import access, audit, hooks
from accounts.addresses import Forbidden
from accounts.models import Membership, Message

SHOWN = 30
EVENTS = tuple((name, f"{name}: {told}") for name, told in hooks.EVENTS.items())


class WebhookForm(forms.Form):
    url = forms.URLField(
        max_length=500,
        label="Address",
        assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/routeplex"}),
    )
    events = forms.MultipleChoiceField(
        choices=EVENTS, required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen: all, those to come as well."
    )

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        try:
            hooks.check_url(url)
        except Forbidden as error:
            raise forms.ValidationError(str(error)) from error
        return url


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    deliveries = access.deliveries_of(member)[:SHOWN]
    return render(request, "dashboard/webhooks.html", {"webhooks": access.webhooks_of(member), "deliveries": deliveries})


@never_cache
@transaction.atomic
def make(request: HttpRequest, member: Membership) -> HttpResponse:
    """Its secret is shown on the page that answers, and never again."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if access.webhooks_of(member).count() >= hooks.MOST:
            form.add_error(None, hooks.TOO_MANY)
        else:
            hook, secret = hooks.make(member.tenant, form.cleaned_data["url"], form.cleaned_data["events"])
            audit.note(request, member.tenant, "webhook.created", hook, events=hook.events)
            return render(request, "dashboard/webhook_shown.html", {"hook": hook, "secret": secret})
    return render(request, "dashboard/webhook_new.html", {"form": form})


@require_POST
def test(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    """A message that says nothing, delivered like any other."""
    hook = access.webhook_for(member, pk)
    hooks.ping(hook)
    messages.success(request, "A ping is on its way. What came of it stands below within seconds.")
    return redirect("webhooks", member.tenant.slug)


@require_POST
@transaction.atomic
def pause(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    """Off where it is on, on where it is off."""
    hook = access.webhook_for(member, pk)
    hook.is_active = not hook.is_active
    hook.save(update_fields=["is_active"])
    audit.note(request, member.tenant, "webhook.changed", hook, active=hook.is_active)
    return redirect("webhooks", member.tenant.slug)


@require_POST
@transaction.atomic
def remove(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    hook = access.webhook_for(member, pk)
    audit.note(request, member.tenant, "webhook.removed", hook)
    hook.delete()
    messages.success(request, f"{hook} is told nothing any more.")
    return redirect("webhooks", member.tenant.slug)


@require_POST
@transaction.atomic
def again(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    """A message that was given up, once more from the beginning: the same id, so that a receiver knows it."""
    given_up = access.deliveries_of(member).filter(state=Message.State.GIVEN_UP)
    message = get_object_or_404(given_up, pk=pk)
    hooks.send_again(message)
    audit.note(request, member.tenant, "webhook.redelivered", message.to, event=message.event)
    return redirect("webhooks", member.tenant.slug)
