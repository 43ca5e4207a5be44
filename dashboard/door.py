"""How does a person come into a page of a workspace? Signed in, a member (else there is no such page), in a role that may."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from msgspec import Struct

from accounts import access, audit, impersonation
from accounts.models import Membership
from accounts.roles import Action, may

if TYPE_CHECKING:
    from dashboard.pages import Page

View = Callable[..., HttpResponseBase]
"""Takes the request, the person's membership of the workspace, and what the path holds."""


class Entered(Struct, frozen=True):
    """Who is where. Templates know it as `here`."""

    member: Membership
    page: Page

    def may(self, action: Action) -> bool:
        return may(self.member.role, action)

    @property
    def can(self) -> dict[str, bool]:
        """By the action's name in small letters: `{% if here.can.manage_keys %}`."""
        return {action.name.lower(): self.may(action) for action in Action}


def door(view: View, page: Page, needs: Action) -> View:
    """The view behind login, membership and role."""

    @login_required
    @wraps(view)
    def enter(request: HttpRequest, tenant: str, **kwargs: Any) -> HttpResponseBase:
        member = member_of(request, tenant)
        request.entered = Entered(member, page)  # type: ignore[attr-defined]
        access.insist(member, needs)
        return view(request, member, **kwargs)

    return enter


def member_of(request: HttpRequest, slug: str) -> Membership:
    """A member's own membership; an operator's for as long as a visit lasts. 404 for everybody else."""
    try:
        return access.member(request.user, slug)
    except Http404:
        member = impersonation.membership(request.user, request.session, slug)
        setattr(request, audit.IMPERSONATED, True)
        return member


def entered(request: HttpRequest) -> Entered | None:
    return getattr(request, "entered", None)
