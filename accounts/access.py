"""The only door to a tenant's rows: who may see what, in one place.

Views and serializers never query a model that a tenant owns; they call a function of this file, which takes the person
and returns what is theirs, or raises 404 for what is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import AnonymousUser

from accounts.models import Membership, Tenant, User


def tenants_of(user: User | AnonymousUser) -> Sequence[Tenant]:
    """The tenants in which this person has a role, by name; none for a stranger."""
    if not isinstance(user, User):
        return []
    return list(Tenant.objects.filter(memberships__user=user, is_active=True).order_by("name"))


def tenants_whose_prompts_are_open_to(user: User | AnonymousUser) -> Sequence[Tenant]:
    """Those of which this person is an owner or an admin: what people wrote is not every colleague's to read."""
    if not isinstance(user, User):
        return []
    roles = (Membership.Role.OWNER, Membership.Role.ADMIN)
    return list(Tenant.objects.filter(memberships__user=user, memberships__role__in=roles, is_active=True).order_by("name"))
