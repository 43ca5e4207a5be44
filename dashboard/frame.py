"""What stands around every page: who is here, in which workspace, what there is to go to, and light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from msgspec import Struct

from accounts import access, switches
from accounts.impersonation import visit_of
from accounts.models import Announcement
from accounts.roles import may
from dashboard.door import Entered, entered
from dashboard.operator.door import operated
from dashboard.operator.pages import PAGES as OPERATOR_PAGES
from dashboard.operator.pages import OperatorPage
from dashboard.pages import GROUPS, PAGES, Page

THEME = "theme"  # the cookie: "light" or "dark"; none where the system's choice holds
THEMES = ("light", "dark")
YEAR_S = 365 * 24 * 3600


class Link(Struct, frozen=True):
    page: Page | OperatorPage
    url: str
    current: bool


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context processor of all templates."""
    here, operated_page = entered(request), operated(request)
    theme = request.COOKIES.get(THEME)
    return {
        "theme": theme if theme in THEMES else "",
        "sign_up_open": switches.is_on(switches.SIGN_UP),
        "here": here,
        "operated": operated_page,
        "navigation": _navigation(here) if here else _operators(operated_page) if operated_page else [],
        "visit": visit_of(request.session) if hasattr(request, "session") else None,
        "announcements": _announcements(request),
        "tenants": access.tenants_of(request.user) if hasattr(request, "user") else [],
    }


def _navigation(here: Entered) -> Sequence[tuple[str, Sequence[Link]]]:
    """The pages that this role may open, by group."""
    slug, role = here.member.tenant.slug, here.member.role
    open_to = [page for page in PAGES if may(role, page.needs)]
    return [
        (title, [Link(page, reverse(page.url_name, args=[slug]), page is here.page) for page in open_to if page.group == group])
        for group, title in GROUPS.items()
    ]


def _operators(current: OperatorPage) -> Sequence[tuple[str, Sequence[Link]]]:
    return [("", [Link(page, reverse(page.name), page is current) for page in OPERATOR_PAGES])]


def _announcements(request: HttpRequest) -> Sequence[Announcement]:
    """For those who are signed in."""
    user = getattr(request, "user", None)
    return list(Announcement.objects.current()[:3]) if user is not None and user.is_authenticated else []


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system has it; back to where the person was."""
    back = request.headers.get("referer", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
        back = "/"
    response, chosen = redirect(back), request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(THEME, chosen, max_age=YEAR_S, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    else:
        response.delete_cookie(THEME)
    return response
