"""Which parts are on, and what is everybody told?"""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit, switches
from accounts.models import Announcement
from gateway import operating


class AnnouncementForm(forms.ModelForm):
    class Meta:
        model = Announcement
        fields = ("text", "tone", "link", "ends_at")
        widgets = {"ends_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")}  # noqa: RUF012
        labels = {"text": "What everybody is told", "tone": "As", "ends_at": "Until (UTC)"}  # noqa: RUF012


def page(request: HttpRequest) -> HttpResponse:
    return _page(request, AnnouncementForm())


def _page(request: HttpRequest, form: AnnouncementForm) -> HttpResponse:
    states = switches.states()
    context = {
        "parts": [(part, states[part.name]) for part in switches.PARTS],
        "announcements": Announcement.objects.current(),
        "form": form,
    }
    return render(request, "dashboard/operator/switches.html", context)


@require_POST
def turn(request: HttpRequest, name: str) -> HttpResponse:
    on = request.POST.get("on") == "1"
    with transaction.atomic():
        try:
            switches.turn(name, on=on)
        except KeyError:
            raise Http404 from None
        audit.operated(request, "switch.turned", f"{name} {'on' if on else 'off'}")
    operating.refresh()
    title = next(part.title for part in switches.PARTS if part.name == name)
    messages.success(request, f"{title} is {'on' if on else 'off'}. Every process knows within two seconds.")
    return redirect("operator_switches")


@require_POST
def announce(request: HttpRequest) -> HttpResponse:
    form = AnnouncementForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    with transaction.atomic():
        audit.operated(request, "announcement.made", form.save())
    messages.success(request, "Everybody reads it on their next page.")
    return redirect("operator_switches")


@require_POST
@transaction.atomic
def end(request: HttpRequest, pk: int) -> HttpResponse:
    announcement = get_object_or_404(Announcement, pk=pk)
    announcement.ends_at = timezone.now()
    announcement.save()
    audit.operated(request, "announcement.ended", announcement)
    messages.success(request, "It is not told any more.")
    return redirect("operator_switches")
