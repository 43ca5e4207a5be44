"""A new ENCRYPTION_KEY: everything that is sealed in the database is put under it. What is sealed stands in SEALED."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model

from accounts import credentials, envelopes, factors, webhooks
from accounts.envelopes import Unreadable
from accounts.models import Credential, PlatformCredential, Webhook
from gateway import contents, creations
from gateway.models import Creation, KeptContent

BATCH = 500

SEALED: dict[tuple[type[Model], str], Callable[[Any], str]] = {
    (KeptContent, "sealed"): lambda row: contents.about(str(row.tenant_id), row.request_id),
    (Webhook, "sealed_secret"): webhooks.about,
    (Credential, "sealed_secret"): credentials.about,
    (PlatformCredential, "sealed_secret"): credentials.platform_about,
    (Creation, "answer"): creations.about,
}
"""Model and field, and what the envelope of a row is about. Apps that nobody here knows add theirs when they are ready."""


def rewrap_all() -> tuple[int, int]:
    """How many envelopes were changed, and how many cannot be read."""
    changed, unreadable = factors.rewrap_all()
    for (model, field), about in SEALED.items():
        for rows in _batches(model):
            with transaction.atomic():
                for row in rows:
                    try:
                        changed += _rewrap(row, field, about(row))
                    except Unreadable:
                        unreadable += 1
    return changed, unreadable


def _batches(model: type[Model]) -> Iterator[Sequence[Any]]:
    rows = model._default_manager.order_by("pk")
    batch = list(rows[:BATCH])
    while batch:
        yield batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def _rewrap(row: Any, field: str, about: str) -> bool:
    """Whether it was under another key."""
    envelope = bytes(getattr(row, field) or b"")
    if not envelope or envelopes.current(envelope):
        return False
    type(row)._default_manager.filter(pk=row.pk).update(**{field: envelopes.rewrap(envelope, about)})
    return True
