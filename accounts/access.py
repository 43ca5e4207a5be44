"""The only door to a tenant's rows: who may see what, in one place.

Views and serializers never query a model that a tenant owns; they call a function of this file, which takes the person (or
their membership, which `member` gives) and returns what is theirs, or raises 404 for what is not. What a role may do stands
in accounts/roles.py; `insist` refuses what it may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from accounts.models import (
    ApiKey,
    AuditEntry,
    Budget,
    Credential,
    Invitation,
    ManagementKey,
    Membership,
    Message,
    Tenant,
    User,
    Webhook,
)
from accounts.roles import LEAST, Action, may


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


def member(user: User | AnonymousUser, slug: str) -> Membership:
    """This person's membership of the tenant that is called so in addresses. 404 where there is none."""
    of_active = Membership.objects.select_related("tenant", "user").filter(tenant__is_active=True)
    return get_object_or_404(of_active, tenant__slug=slug, user_id=user.pk)


def insist(member: Membership, action: Action) -> None:
    """Raises PermissionDenied, whose message says which role it takes."""
    if not may(member.role, action):
        raise PermissionDenied(f"To {action} takes the role {LEAST[action]}; yours is {member.role}.")


# --- rows of the tenant of which somebody is a member


def members_of(member: Membership) -> QuerySet[Membership]:
    return member.tenant.memberships.select_related("user").order_by("created_at")


def member_for(member: Membership, pk: int) -> Membership:
    return get_object_or_404(members_of(member), pk=pk)


def invitations_of(member: Membership) -> QuerySet[Invitation]:
    """Those that wait for an answer."""
    return member.tenant.invitations.waiting().select_related("invited_by").order_by("created_at")


def invitation_for(member: Membership, pk: UUID) -> Invitation:
    return get_object_or_404(invitations_of(member), pk=pk)


def api_keys_of(member: Membership) -> QuerySet[ApiKey]:
    """Newest first, those that were revoked behind the others."""
    return member.tenant.api_keys.select_related("created_by").order_by("-created_at")


def api_key_for(member: Membership, pk: UUID) -> ApiKey:
    return get_object_or_404(api_keys_of(member), pk=pk)


def api_key_to_ask_with(user: User | AnonymousUser, pk: UUID) -> ApiKey:
    """A key of any tenant in which this person may ask models: one's own, or everybody's. 404, or PermissionDenied."""
    key = get_object_or_404(ApiKey.objects.select_related("tenant"), pk=pk, tenant__in=tenants_of(user))
    mine = member(user, key.tenant.slug)
    insist(mine, Action.USE)
    insist_on_key(mine, key)
    return key


def insist_on_key(member: Membership, key: ApiKey) -> None:
    """One's own, or everybody's: whichever the role allows. Raises PermissionDenied."""
    own = key.created_by_id is not None and key.created_by_id == member.user_id
    insist(member, Action.MAKE_KEYS if own else Action.MANAGE_KEYS)


def management_keys_of(member: Membership) -> QuerySet[ManagementKey]:
    """Newest first: everybody's for who looks after everybody's keys, one's own for the others."""
    keys = member.tenant.management_keys.select_related("created_by").order_by("-created_at", "-pk")
    return keys if may(member.role, Action.MANAGE_KEYS) else keys.filter(created_by=member.user_id)


def management_key_for(member: Membership, pk: UUID) -> ManagementKey:
    return get_object_or_404(management_keys_of(member), pk=pk)


def budgets_of(member: Membership) -> QuerySet[Budget]:
    """Those that bound something."""
    return member.tenant.budgets.filter(ended_at=None).select_related("api_key").order_by("api_key__name", "period", "unit")


def budget_for(member: Membership, pk: int) -> Budget:
    return get_object_or_404(budgets_of(member), pk=pk)


def credentials_of(member: Membership) -> QuerySet[Credential]:
    return member.tenant.credentials.select_related("created_by").order_by("provider")


def credential_for(member: Membership, pk: UUID) -> Credential:
    return get_object_or_404(credentials_of(member), pk=pk)


def webhooks_of(member: Membership) -> QuerySet[Webhook]:
    return member.tenant.webhooks.order_by("created_at")


def webhook_for(member: Membership, pk: UUID) -> Webhook:
    return get_object_or_404(webhooks_of(member), pk=pk)


def deliveries_of(member: Membership) -> QuerySet[Message]:
    """What was told to webhooks, newest first."""
    return member.tenant.messages.filter(kind=Message.Kind.WEBHOOK).order_by("-created_at")


def audit_of(member: Membership) -> QuerySet[AuditEntry]:
    """Newest first."""
    return member.tenant.audit_entries.order_by("-at", "-id")
