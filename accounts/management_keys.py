"""Keys for scripts that manage (`rp_admin_…`). They open the management API and no model, so that a calling key that leaks
manages nothing, and one of these spends nothing unless it was allowed to.

Such a key acts for the person who made it: never beyond its scopes, nor its role, nor what that person may at the time; when
they leave the tenant, it opens nothing any more. An operator's key belongs to no tenant. Its form, checksum and keyed hash are
those of API keys (accounts/keys.py).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from accounts.keys import checksum, digest, pepper_id, random_part
from accounts.models import ManagementKey, Membership, Tenant, User
from accounts.refusals import ExpiredKey, InvalidKey, KeysUnavailable
from accounts.roles import ROLES

START = "rp_admin_"
PREFIX_LENGTH = len(START) + 8
USED_EVERY = timedelta(minutes=1)  # the last use is told within
_FORM = re.compile(r"rp_admin_[0-9A-Za-z]{49}", re.ASCII)


def create(
    tenant: Tenant | None, by: User, name: str, *, role: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ManagementKey, str]:
    """The new row and the key, which is never to be had again. No tenant: an operator's."""
    body = START + random_part()
    token, pepper = body + checksum(body), settings.KEY_PEPPERS[0]
    row = ManagementKey.objects.create(
        tenant=tenant,
        created_by=by,
        name=name,
        role=role,
        scopes=sorted(set(scopes)),
        prefix=token[:PREFIX_LENGTH],
        last4=token[-4:],
        pepper_id=pepper_id(pepper),
        digest=digest(token, pepper),
        expires_at=expires_at,
    )
    return row, token


def well_formed(token: str) -> bool:
    return bool(_FORM.fullmatch(token)) and checksum(token[:-6]) == token[-6:]


def recognise(token: str) -> ManagementKey:
    """Raises InvalidKey, ExpiredKey, KeysUnavailable."""
    if not well_formed(token):
        raise InvalidKey
    try:
        row = ManagementKey.objects.select_related("tenant", "created_by").filter(prefix=token[:PREFIX_LENGTH]).first()
        _insist(row, token)
        assert row is not None
        _used(row)
    except DatabaseError as error:
        raise KeysUnavailable from error
    return row


def _insist(row: ManagementKey | None, token: str) -> None:
    pepper = next((p for p in settings.KEY_PEPPERS if row is not None and pepper_id(p) == row.pepper_id), None)
    if row is None or pepper is None or not hmac.compare_digest(row.digest, digest(token, pepper)):
        raise InvalidKey
    if row.revoked_at is not None or not row.created_by.is_active or (row.tenant is not None and not row.tenant.is_active):
        raise InvalidKey
    if row.tenant is None and not row.created_by.is_staff:
        raise InvalidKey
    if row.expires_at is not None and row.expires_at <= timezone.now():
        raise ExpiredKey


def revoke(row: ManagementKey) -> bool:
    """From now on it opens nothing. Whether it was good until now."""
    if row.revoked_at is not None:
        return False
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    return True


def _used(row: ManagementKey) -> None:
    now = timezone.now()
    if row.last_used_at is None or row.last_used_at < now - USED_EVERY:
        ManagementKey.objects.filter(pk=row.pk).update(last_used_at=now)


def membership_of(key: ManagementKey) -> Membership:
    """In whose place it acts: the maker's, in the lesser of their role and the key's. Raises InvalidKey where they are no member
    any more."""
    own = Membership.objects.select_related("tenant", "user").filter(tenant=key.tenant, user=key.created_by).first()
    if own is None:
        raise InvalidKey
    own.role = min(own.role, key.role, key=ROLES.index)
    return own
