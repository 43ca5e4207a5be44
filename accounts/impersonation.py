"""An operator in somebody else's workspace: to look, or to help. With a reason, for half an hour, and seen by its owners.

It is written down on both sides (accounts/audit.py), every deed meanwhile bears the operator's name, and pages say it on top.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from msgspec import Struct

from accounts.models import Membership, Tenant, User

LASTS_S = 30 * 60
ROLES: Sequence[str] = ("viewer", "admin")
"""An operator is never an owner: what only they may do is theirs."""

_KEY = "visit"  # in the session


class Visit(Struct, frozen=True):
    """`until`: Unix seconds."""

    tenant: str  # its slug
    role: str
    reason: str
    until: float


def begin(session: MutableMapping[str, Any], tenant: Tenant, role: str, reason: str) -> Visit:
    visit = Visit(tenant.slug, role, reason, time.time() + LASTS_S)
    session[_KEY] = [visit.tenant, visit.role, visit.reason, visit.until]
    return visit


def end(session: MutableMapping[str, Any]) -> Visit | None:
    """The one that was under way."""
    visit = visit_of(session)
    session.pop(_KEY, None)
    return visit


def visit_of(session: Mapping[str, Any]) -> Visit | None:
    kept = session.get(_KEY)
    visit = Visit(*kept) if kept else None
    return visit if visit is not None and time.time() < visit.until else None


def membership(user: User | AnonymousUser, session: Mapping[str, Any], slug: str) -> Membership:
    """What the visitor may be there for as long as the visit lasts: a membership that nobody has saved. 404 where there is
    no visit to this workspace."""
    visit = visit_of(session)
    if visit is None or visit.tenant != slug or not (isinstance(user, User) and user.is_active and user.is_staff):
        raise Http404
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise Http404
    return Membership(tenant=tenant, user=user, role=visit.role)
