"""The rows behind the operator's pages: Django's admin, as Unfold draws it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from unfold.sites import UnfoldAdminSite

from dashboard.operator.pages import PAGES

# Unfold's pages run Alpine.js, which makes functions of texts, and write styles into elements.
POLICY: Mapping[str, Collection[str] | str] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL, CSP.UNSAFE_INLINE],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "form-action": [CSP.SELF],
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Beside the rows: the operator's pages, then every table that is registered, by app."""
    pages = [{"title": page.title, "icon": "", "link": reverse(page.name)} for page in PAGES]
    tables = [
        {
            "title": app["name"],
            "separator": True,
            "items": [{"title": model["name"], "link": model["admin_url"]} for model in app["models"]],
        }
        for app in admin.site.get_app_list(request)
    ]
    return [{"title": "Operator", "items": pages}, *tables]


class Site(UnfoldAdminSite):  # type: ignore[misc]  # unfold ships no types
    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return csp_override(POLICY)(super().admin_view(view, cacheable))  # type: ignore[no-any-return]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Through the product's own door: with its limits, second factors and passkeys."""
        if request.user.is_authenticated:
            return redirect("home")
        return redirect_to_login(request.GET.get("next", request.get_full_path()))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("account_logout")
