"""Roles given, changed and taken; a tenant is never without an owner. In a transaction; each raises PermissionDenied for what the
one who does it may not, and LastOwner."""

from __future__ import annotations

from collections.abc import Sequence

from accounts import access
from accounts.models import Membership
from accounts.roles import ROLES, Action, may


class LastOwner(Exception):
    def __init__(self) -> None:
        super().__init__("A workspace has an owner: make somebody else one first.")


def roles_for(member: Membership) -> Sequence[str]:
    """Those that this person may give and take."""
    return [role for role in reversed(ROLES) if role != "owner" or may(member.role, Action.MANAGE_OWNERS)]


def insist_on_role(member: Membership, *roles: str) -> None:
    access.insist(member, Action.MANAGE_MEMBERS)
    if "owner" in roles:
        access.insist(member, Action.MANAGE_OWNERS)


def change_role(member: Membership, other: Membership, role: str) -> None:
    insist_on_role(member, other.role, role)
    if role != "owner" and _is_last_owner(other):
        raise LastOwner
    other.role = role
    other.save(update_fields=["role"])


def remove(member: Membership, other: Membership) -> None:
    """Somebody else, or oneself: everybody may leave."""
    if other.pk != member.pk:
        insist_on_role(member, other.role)
    if _is_last_owner(other):
        raise LastOwner
    other.delete()


def _is_last_owner(other: Membership) -> bool:
    """Owners are locked while one of them may go: two who leave at once must not both be the last but one."""
    owners = list(Membership.objects.select_for_update().filter(tenant=other.tenant, role=Membership.Role.OWNER))
    return other.role == Membership.Role.OWNER and len(owners) == 1
