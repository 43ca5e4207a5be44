"""Who did what, when, from where. Nothing here can be changed."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import access
from accounts.audit import WHAT
from accounts.models import Membership

SHOWN = 50


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    entries, what = access.audit_of(member), request.GET.get("what", "")
    if what in WHAT:
        entries = entries.filter(what=what)
    if who := request.GET.get("who", "").strip():
        entries = entries.filter(who__icontains=who)
    shown = Paginator(entries, SHOWN).get_page(request.GET.get("page"))
    return render(request, "dashboard/audit.html", {"shown": shown, "kinds": WHAT, "what": what, "who": who})
