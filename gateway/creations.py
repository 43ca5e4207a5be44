"""Asked twice, made once: the Idempotency-Key of what the management API creates.

Its row is written in the transaction of what it stands for: both are there, or neither is. Whoever asks the same while the first
is under way waits for it in the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from accounts import envelopes
from accounts.envelopes import Unreadable
from gateway.errors import IdempotencyConflict, InvalidValue
from gateway.models import Creation

KEPT = timedelta(hours=24)
MOST = 255  # characters of a key


def once(owner: str, key: str, asked: bytes, create: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes, bool]:
    """Status and body, and whether it was made before. In a transaction. Raises InvalidValue, IdempotencyConflict."""
    if not 0 < len(key) <= MOST:
        raise InvalidValue(f"An Idempotency-Key has 1 to {MOST} characters.", param="Idempotency-Key")
    now = timezone.now()
    names = {"owner": owner, "name": hashlib.sha256(key.encode()).hexdigest()}
    Creation.objects.filter(**names, expires_at__lte=now).delete()
    fingerprint = hashlib.sha256(asked).hexdigest()
    row, new = Creation.objects.get_or_create(**names, defaults={"fingerprint": fingerprint, "expires_at": now + KEPT})
    if not new:
        return *_again(row, fingerprint), True
    row.status, answer = create()
    row.answer = envelopes.seal(answer, about(row))
    row.save(update_fields=["status", "answer"])
    return row.status, answer, False


def _again(row: Creation, fingerprint: str) -> tuple[int, bytes]:
    if row.fingerprint != fingerprint:
        raise IdempotencyConflict("")
    try:
        return row.status, envelopes.unseal(bytes(row.answer), about(row))
    except Unreadable:  # the key under which it was sealed is gone
        raise IdempotencyConflict("") from None


def about(row: Creation) -> str:
    return f"{row.owner}|creation|{row.name}|v1"
