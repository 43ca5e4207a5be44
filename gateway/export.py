"""Everything that is here of a tenant, as lines of JSON: for whoever wants to take it along.

Each line has a `kind`. No secret is in it: of keys, what tells them apart; of webhooks and providers' keys, that they are there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from django.db.models import QuerySet

from accounts.envelopes import Unreadable
from accounts.models import Tenant
from gateway.kept import opened
from gateway.models import KeptContent, LedgerEntry, RequestLog
from routing.models import RoutingRules

CHUNK = 500
_encode = msgspec.json.Encoder(enc_hook=str).encode

SETTINGS: Mapping[str, Sequence[str]] = {
    "memberships": ("user__email", "role", "created_at"),
    "api_keys": (
        *("id", "name", "prefix", "last4", "is_test", "scope", "default_strategy", "allowed_models"),
        *("expires_at", "revoked_at", "last_used_at", "created_by__email", "created_at"),
    ),
    "limits": ("api_key_id", "model", "requests_per_minute", "tokens_per_minute", "running"),
    "budgets": ("api_key_id", "period", "unit", "amount", "alert_shares", "allow_unpriced", "created_at", "ended_at"),
    "strategies": ("name", "parts"),
    "credentials": ("provider", "last4", "checked_at", "created_at"),
    "webhooks": ("url", "events", "is_active", "created_at"),
    "audit_entries": ("at", "who", "what", "subject", "details", "address", "agent"),
}
"""What a tenant's own tables tell, by the name of the relation."""

WITHOUT = ("id", "tenant_id")


async def lines(tenant: Tenant) -> AsyncIterator[bytes]:
    """The tenant, its settings, its requests, its books, and the prompts and answers that it keeps."""
    about = ("id", "name", "time_zone", "default_strategy", "keep_requests_days", "keep_contents_days", "created_at")
    yield _line("tenant", {name: getattr(tenant, name) for name in about})
    for relation, fields in SETTINGS.items():
        async for line in _rows(relation, getattr(tenant, relation).values(*fields)):
            yield line
    for kind, model in (("routing_rules", RoutingRules), ("request", RequestLog), ("ledger_entry", LedgerEntry)):
        own = model._default_manager.filter(tenant_id=tenant.pk).order_by("pk")
        async for line in _rows(kind, own.values(*_names(model))):
            yield line
    async for row in KeptContent.objects.filter(tenant_id=tenant.pk).order_by("pk").aiterator(CHUNK):
        try:
            yield _line("content", msgspec.to_builtins(opened(row)))
        except Unreadable:
            yield _line("content", {"request_id": row.request_id, "unreadable": True})


def _names(model: Any) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if field.attname not in WITHOUT]


async def _rows(kind: str, rows: QuerySet[Any, dict[str, Any]]) -> AsyncIterator[bytes]:
    async for row in rows.aiterator(CHUNK):
        yield _line(kind, row)


def _line(kind: str, row: Mapping[str, Any]) -> bytes:
    return _encode({"kind": kind, **row}) + b"\n"
