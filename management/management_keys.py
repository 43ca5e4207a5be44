"""Keys that manage (`rp_admin_…`), and who it is that asks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from accounts import access, audit, management_keys
from accounts.models import ManagementKey, User
from accounts.roles import ROLES, Action
from accounts.scopes import PLATFORM_SCOPES, TENANT_SCOPES, opens
from gateway.errors import Forbidden, InvalidValue, NotFound
from gateway.operations import Asked, Listed, Operations, operation
from management.fields import Name, Role, Text, Time
from management.keys import moment_to_come
from management.paging import Paging, page_of

Scopes = Annotated[list[Text], Meta(min_length=1, max_length=40)]


class AdminKey(Struct, kw_only=True):
    """A management key. It may do what both its scopes and its role allow, and what its maker may; an operator's has no role."""

    id: UUID
    name: str
    prefix: str
    last4: str
    role: str
    scopes: list[str]
    created_by: str
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    created_at: Time


class MadeAdminKey(AdminKey, kw_only=True):
    """`key`: shown this once."""

    key: str


class NewAdminKey(Struct, kw_only=True, forbid_unknown_fields=True):
    """`scopes`: such as keys:read, usage:read, routing:write."""

    name: Name
    scopes: Scopes
    role: Role = "member"
    expires_at: Time | None = None


class NewOperatorKey(Struct, kw_only=True, forbid_unknown_fields=True):
    """`scopes`: platform:read, platform:write."""

    name: Name
    scopes: Scopes
    expires_at: Time | None = None


class Me(Struct, kw_only=True):
    """Who asks: a person, with which management key, in which tenant and role."""

    email: str
    tenant: str | None
    tenant_id: UUID | None
    role: str | None
    scopes: list[str] | None
    management_key: str | None


class AdminKeys(Operations):
    @operation(
        "list_management_keys", "Management keys, newest first", scope="keys:read", query=Paging, answer=AdminKey, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(access.management_keys_of(asked.of), asked.query, told)

    @operation(
        "create_management_key",
        "Make a management key",
        description="A key never gives more than it has: neither a scope, nor a higher role.",
        scope="keys:write",
        needs=Action.MAKE_KEYS,
        body=NewAdminKey,
        answer=MadeAdminKey,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> MadeAdminKey:
        body: NewAdminKey = asked.body
        insist_on_scopes(body.scopes, TENANT_SCOPES, held_by(asked))
        if ROLES.index(body.role) > ROLES.index(asked.of.role):
            raise Forbidden(f"Your role is {asked.of.role}: a key of yours is no {body.role}.", param="role")
        row, token = management_keys.create(
            asked.tenant, asked.of.user, body.name, role=body.role, scopes=body.scopes, expires_at=until(body.expires_at)
        )
        audit.note(asked.request, asked.tenant, "management_key.created", row, role=row.role, scopes=row.scopes)
        return MadeAdminKey(**facts(row), key=token)


class OneAdminKey(Operations):
    @operation(
        "revoke_management_key",
        "Revoke a management key",
        scope="keys:write",
        needs=Action.MAKE_KEYS,
        answer=AdminKey,
    )
    def delete(self, asked: Asked, key_id: UUID) -> AdminKey:
        row = access.management_key_for(asked.of, key_id)
        if management_keys.revoke(row):
            audit.note(asked.request, asked.tenant, "management_key.revoked", row)
        return told(row)


class WhoAmI(Operations):
    @operation("get_me", "Who asks, and what they may", scope="tenant:read", answer=Me)
    def get(self, asked: Asked) -> Me:
        key = getattr(asked.request, audit.BY_KEY, None)
        return Me(
            email=asked.of.user.email,
            tenant=asked.tenant.name,
            tenant_id=asked.tenant.pk,
            role=asked.of.role,
            scopes=key.scopes if key else None,
            management_key=key.name if key else None,
        )


class OperatorKeys(Operations):
    @operation(
        "list_operator_keys", "Operators' management keys", scope="platform:read", query=Paging, answer=AdminKey, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(ManagementKey.objects.filter(tenant=None).select_related("created_by"), asked.query, told)

    @operation(
        "create_operator_key",
        "Make an operator's management key",
        scope="platform:write",
        body=NewOperatorKey,
        answer=MadeAdminKey,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> MadeAdminKey:
        body: NewOperatorKey = asked.body
        insist_on_scopes(body.scopes, PLATFORM_SCOPES, held_by(asked))
        user = asked.request.user
        assert isinstance(user, User)
        row, token = management_keys.create(None, user, body.name, role="", scopes=body.scopes, expires_at=until(body.expires_at))
        audit.operated(asked.request, "management_key.created", row, scopes=row.scopes)
        return MadeAdminKey(**facts(row), key=token)


class OneOperatorKey(Operations):
    @operation("revoke_operator_key", "Revoke an operator's management key", scope="platform:write", answer=AdminKey)
    def delete(self, asked: Asked, key_id: UUID) -> AdminKey:
        row = ManagementKey.objects.filter(tenant=None, pk=key_id).select_related("created_by").first()
        if row is None:
            raise NotFound("There is no such key.")
        if management_keys.revoke(row):
            audit.operated(asked.request, "management_key.revoked", row)
        return told(row)


def held_by(asked: Asked) -> list[str] | None:
    """The scopes of the key that asks; None: a person, who has them all."""
    key = getattr(asked.request, audit.BY_KEY, None)
    return key.scopes if key else None


def insist_on_scopes(wanted: list[str], known: Any, held: list[str] | None) -> None:
    for scope in wanted:
        if scope not in known:
            raise InvalidValue(f"There is no scope {scope!r}. There are {', '.join(known)}.", param="scopes")
        if held is not None and not opens(held, scope):
            raise Forbidden(f"This key has no scope {scope}: it cannot give it.", param="scopes")


def until(at: datetime | None) -> datetime | None:
    return None if at is None else moment_to_come(at)


def told(row: ManagementKey) -> AdminKey:
    return AdminKey(**facts(row))


def facts(row: ManagementKey) -> dict[str, Any]:
    same = ("id", "name", "prefix", "last4", "role", "scopes", "expires_at", "revoked_at", "last_used_at", "created_at")
    return {name: getattr(row, name) for name in same} | {"created_by": row.created_by.email}
