"""What did operators do to the platform?"""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.audit import OPERATED
from accounts.models import OperatorEntry
from dashboard.audit import SHOWN


def page(request: HttpRequest) -> HttpResponse:
    entries, what = OperatorEntry.objects.order_by("-at", "-id"), request.GET.get("what", "")
    if what in OPERATED:
        entries = entries.filter(what=what)
    if who := request.GET.get("who", "").strip():
        entries = entries.filter(who__icontains=who)
    shown = Paginator(entries, SHOWN).get_page(request.GET.get("page"))
    return render(request, "dashboard/audit.html", {"shown": shown, "kinds": OPERATED, "what": what, "who": who})
