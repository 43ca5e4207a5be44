"""Who comes in to the management API, in whose place, and to do what? A person who is signed in, or with a management key; of
some things an API key may ask, too.

A key that acts for a person may do what both its scopes and the person's role allow.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from msgspec import Struct
from rest_framework.request import Request

from accounts import access
from accounts.api import KeyUser
from accounts.management_keys import membership_of
from accounts.models import ManagementKey, Membership, Tenant
from accounts.refusals import OutOfScope
from accounts.roles import Action
from accounts.scopes import opens
from gateway import errors

PLATFORM = "platform"


class Door(Struct, frozen=True, kw_only=True):
    """What it takes to come in."""

    scope: str
    needs: Action
    callers: bool = False
    sessions_only: bool = False


def entered(request: Request, door: Door) -> tuple[Membership | None, Tenant | None]:
    """In whose place, and whose tenant; both None for what is the platform's. Raises OutOfScope, PermissionDenied, NotFound,
    InvalidValue."""
    if isinstance(request.user, KeyUser):
        if not door.callers:
            raise OutOfScope("An API key manages nothing. Send a management key (rp_admin_…), or sign in.")
        return None, Tenant.objects.get(pk=request.user.caller.tenant_id)
    key = request.auth if isinstance(request.auth, ManagementKey) else None
    if key is not None and not opens(key.scopes, door.scope):
        raise OutOfScope(f"This management key has no scope {door.scope}.")
    if door.scope.startswith(PLATFORM):
        return _operator(request, key)
    member = _member(request, key)
    access.insist(member, door.needs)
    return member, member.tenant


def _operator(request: Request, key: ManagementKey | None) -> tuple[None, None]:
    if not request.user.is_staff or (key is not None and key.tenant_id is not None):
        raise PermissionDenied("This is for the platform's operators.")
    return None, None


def _member(request: Request, key: ManagementKey | None) -> Membership:
    if key is None:
        return _of_a_session(request)
    if key.tenant_id is None:
        raise errors.Forbidden("An operator's key belongs to no tenant: take one of the tenant's.")
    return membership_of(key)


def _of_a_session(request: Request) -> Membership:
    """Of the tenant that `?tenant=` says, by its slug or id; else the only one."""
    tenants = access.tenants_of(request.user)
    wanted: Any = request.query_params.get("tenant")
    found = [tenant for tenant in tenants if wanted in (None, tenant.slug, str(tenant.pk))]
    if len(found) == 1:
        return access.member(request.user, found[0].slug)
    if not found:
        raise errors.NotFound("There is no such tenant of yours.")
    raise errors.InvalidValue("You have several tenants: say which one with ?tenant=NAME_IN_ITS_ADDRESS.", param="tenant")
