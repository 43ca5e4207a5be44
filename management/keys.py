"""API keys: listed, made (the key itself is in that answer only), changed, rotated, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils import timezone
from msgspec import UNSET, Meta, Struct, UnsetType

from accounts import access, audit, rotation
from accounts.keys import create_key
from accounts.models import ApiKey
from accounts.roles import Action
from gateway.errors import Conflict, InvalidValue
from gateway.operations import Asked, Listed, Operations, operation
from management.changing import checked, put_on
from management.fields import Name, Slider, StrategyName, Text, Time
from management.paging import Cursor, Limit, page_of
from routing.settings import check_names, check_strategy

KeyScope = Literal["all", "chat", "read"]
Models = Annotated[list[Text], Meta(max_length=500)]


class Key(Struct, kw_only=True):
    """`prefix` and `last4` tell it apart; the key itself is nowhere to be had. `allowed_models`: empty for all."""

    id: UUID
    name: str
    prefix: str
    last4: str
    scope: KeyScope
    test: bool
    default_strategy: str
    tradeoff: float | None
    allowed_models: list[str]
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    created_by: str | None
    created_at: Time


class MadeKey(Key, kw_only=True):
    """`key`: shown this once."""

    key: str


class KeyChange(Struct, kw_only=True, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    scope: KeyScope | UnsetType = UNSET
    default_strategy: StrategyName | UnsetType = UNSET
    tradeoff: Slider | UnsetType | None = UNSET
    allowed_models: Models | UnsetType = UNSET
    expires_at: Time | UnsetType | None = UNSET


class NewKey(Struct, kw_only=True, forbid_unknown_fields=True):
    """`test`: it reaches the sandbox only."""

    name: Name
    scope: KeyScope = "all"
    default_strategy: StrategyName = ""
    tradeoff: Slider | None = None
    allowed_models: Models = []
    expires_at: Time | None = None
    test: bool = False


class Rotation(Struct, kw_only=True, forbid_unknown_fields=True):
    """For how many hours the old key stays good beside the new one."""

    overlap_hours: Annotated[int, Meta(ge=0, le=24 * 30)] = 24


class KeysWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    after: Cursor = ""
    revoked: bool | None = None


class Keys(Operations):
    @operation("list_keys", "API keys, newest first", scope="keys:read", query=KeysWanted, answer=Key, listed=True)
    def get(self, asked: Asked) -> Listed:
        keys, wanted = access.api_keys_of(asked.of), asked.query
        if wanted.revoked is not None:
            keys = keys.filter(revoked_at__isnull=not wanted.revoked)
        return page_of(keys, wanted, told)

    @operation(
        "create_key",
        "Make an API key",
        description="The answer is the only place where the key itself is ever told.",
        scope="keys:write",
        needs=Action.MAKE_KEYS,
        body=NewKey,
        answer=MadeKey,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> MadeKey:
        body: NewKey = asked.body
        row, token = create_key(asked.tenant, body.name, test=body.test, created_by=asked.of.user)
        settings = {name: getattr(body, name) for name in KeyChange.__struct_fields__}
        _change(row, KeyChange(**settings))
        audit.note(asked.request, asked.tenant, "key.created", row, scope=row.scope, models=row.allowed_models)
        return MadeKey(**_facts(row), key=token)


class OneKey(Operations):
    @operation("get_key", "One API key", scope="keys:read", answer=Key)
    def get(self, asked: Asked, key_id: UUID) -> Key:
        return told(access.api_key_for(asked.of, key_id))

    @operation(
        "change_key", "Change an API key", scope="keys:write", needs=Action.MAKE_KEYS, body=KeyChange, answer=Key, edits=True
    )
    def patch(self, asked: Asked, key_id: UUID) -> Key:
        row = _owned(asked, key_id)
        if row.revoked_at is not None:
            raise Conflict("This key is revoked: it cannot be changed.")
        changed = _change(row, asked.body)
        if changed:
            audit.note(asked.request, asked.tenant, "key.changed", row, **changed)
        return told(row)

    @operation(
        "revoke_key",
        "Revoke an API key",
        description="Within two seconds nobody gets in with it. It stays in the list, for what it has cost.",
        scope="keys:write",
        needs=Action.MAKE_KEYS,
        answer=Key,
        edits=True,
    )
    def delete(self, asked: Asked, key_id: UUID) -> Key:
        row = _owned(asked, key_id)
        if row.revoked_at is None:
            row.revoke()
            audit.note(asked.request, asked.tenant, "key.revoked", row)
        return told(row)


class KeyRotation(Operations):
    @operation(
        "rotate_key",
        "Give an API key a new secret",
        description="Limits, budgets and history go on under the same key; the old secret stays good for `overlap_hours`.",
        scope="keys:write",
        needs=Action.MAKE_KEYS,
        body=Rotation,
        answer=MadeKey,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked, key_id: UUID) -> MadeKey:
        row = _owned(asked, key_id)
        if row.revoked_at is not None:
            raise Conflict("A revoked key cannot be rotated: make a new one.")
        token = rotation.rotate(row, timedelta(hours=asked.body.overlap_hours))
        audit.note(asked.request, asked.tenant, "key.rotated", row, overlap_hours=asked.body.overlap_hours)
        return MadeKey(**_facts(row), key=token)


def _owned(asked: Asked, key_id: UUID) -> ApiKey:
    row = access.api_key_for(asked.of, key_id)
    access.insist_on_key(asked.of, row)
    return row


def _change(row: ApiKey, body: KeyChange) -> Any:
    if isinstance(body.expires_at, datetime):
        body.expires_at = moment_to_come(body.expires_at)
    with checked("default_strategy"):
        check_strategy(row.tenant, body.default_strategy or "")
    with checked("allowed_models"):
        _check_models(body.allowed_models or [])
    changed = put_on(row, body)
    row.save()
    return changed


def _check_models(names: Sequence[str]) -> None:
    check_names(names)
    if providers := [name for name in names if "/" not in name]:
        raise InvalidValue(f"{providers[0]} is a provider: name its models.", param="allowed_models")


def moment_to_come(at: datetime) -> datetime:
    """Raises InvalidValue."""
    if at.tzinfo is None:
        raise InvalidValue("Say in which time zone that is: 2026-12-31T00:00:00Z.", param="expires_at")
    if at <= timezone.now():
        raise InvalidValue("That time is over.", param="expires_at")
    return at


def told(row: ApiKey) -> Key:
    return Key(**_facts(row))


def _facts(row: ApiKey) -> dict[str, Any]:
    same: tuple[str, ...] = (
        "id",
        "name",
        "prefix",
        "last4",
        "scope",
        "default_strategy",
        "tradeoff",
        "allowed_models",
        "expires_at",
    )
    same += ("revoked_at", "last_used_at", "created_at")
    about = {name: getattr(row, name) for name in same}
    return about | {"test": row.is_test, "created_by": row.created_by.email if row.created_by else None}
