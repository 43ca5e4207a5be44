"""What a person sees first: the latest requests of the tenants that are theirs, and where each went."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.access import tenants_of
from gateway.reconcile import violations
from gateway.record import latest_of
from gateway.spending import spendings_of

SHOWN = 50


def home(request: HttpRequest) -> HttpResponse:
    """Open to everybody: a stranger is told what this is and where to sign in."""
    if not request.user.is_authenticated:
        return render(request, "gateway/welcome.html")
    tenants = tenants_of(request.user)
    base_url = (settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}") + "/v1"
    context = {
        "tenants": tenants,
        "rows": latest_of(tenants, SHOWN),
        "base_url": base_url,
        "shown": SHOWN,
        "spendings": spendings_of(tenants),
        "violations": violations(),
    }
    return render(request, "gateway/home.html", context)
