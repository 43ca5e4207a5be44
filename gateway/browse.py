"""Which requests? By anything that one might look for, newest first, a page at a time: pages stay where they are while new
requests come, and the last page is as near as the first.

What is rare among millions is looked for backwards in time, in steps, for ENOUGH_S at most: then the page says how far it has
looked, and its cursor goes on from there.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet
from django.utils import timezone
from msgspec import Meta, Struct

from accounts.models import Tenant
from gateway.models import RequestLog

ENOUGH_S = 0.06  # of one search
QUICK_S = 0.012
STEP = timedelta(hours=2)  # the first; four times as long after a quick one
SKEW = timedelta(minutes=5)  # hosts' clocks differ
PAGE = 50
MOST = 200

Text = Annotated[str, Meta(max_length=200)]
Status = Literal["ok", "replayed", "error", "refused", "client_gone", "orphaned"]


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Empty or None: any. `model`: who answered; `asked`: what was asked for; `since`, `until`: half open."""

    request_id: Text = ""
    model: Text = ""
    provider: Text = ""
    asked: Text = ""
    query_type: Text = ""
    strategy: Text = ""
    api_key: UUID | None = None
    status: Status | None = None
    error_code: Text = ""
    conversation: Text = ""
    fallback: bool | None = None
    stream: bool | None = None
    test: bool | None = None
    least_usd: Annotated[float, Meta(ge=0)] | None = None
    least_ms: Annotated[int, Meta(ge=0)] | None = None
    since: datetime | None = None
    until: datetime | None = None


class Page(Struct, frozen=True):
    """`after`: the cursor of the next page; None: this is the last one. `searched`: older ones were not looked at yet, for it
    would have taken long; None: nothing was left out."""

    rows: Sequence[RequestLog]
    after: str | None
    searched: datetime | None = None


class BadCursor(ValueError):
    """It is none of ours."""


def page_of(
    tenant: Tenant, wanted: Wanted, *, after: str | None = None, size: int = PAGE, among: QuerySet[Any] | None = None
) -> Page:
    """Newest first. `among`: request ids, of which they must be. Raises BadCursor."""
    rows = matching(tenant, wanted).order_by("-received_at", "-pk")
    if among is not None:
        rows = rows.filter(request_id__in=among)
    before = None
    if after is not None:
        before, pk = _read(after)
        # the first bound is in the second; it is there for the index
        rows = rows.filter(Q(received_at__lt=before) | Q(received_at=before, pk__lt=pk), received_at__lte=before)
    rows = rows.select_related("api_key").defer("decision", "classification")
    size = min(size, MOST)
    if among is None and not _EVERYBODY.issuperset(_said(wanted)):
        return _searched(tenant, rows, wanted, before, size)
    return _page(list(rows[: size + 1]), size)


def _page(found: Sequence[RequestLog], size: int) -> Page:
    return Page(found[:size], cursor_of(found[size - 1]) if len(found) > size else None)


def _searched(tenant: Tenant, rows: QuerySet[RequestLog], wanted: Wanted, before: datetime | None, size: int) -> Page:
    """Backwards, in steps that grow as long as each is quick."""
    first = RequestLog.objects.filter(tenant=tenant).order_by("received_at").values_list("received_at", flat=True).first()
    first = max(first, wanted.since) if first and wanted.since else first
    until = before or min(wanted.until or timezone.now() + SKEW, timezone.now() + SKEW)
    began, step, found = time.monotonic(), STEP, list[RequestLog]()
    while first is not None and until >= first:
        since, asked = until - step, time.monotonic()
        bound = Q(received_at__gte=since) if before == until else Q(received_at__gte=since, received_at__lt=until)
        found += rows.filter(bound)[: size + 1 - len(found)]
        if len(found) > size:
            break
        until, now = since, time.monotonic()
        if now - began > ENOUGH_S and until >= first:
            return Page(found, _cursor(until, 0), until)
        step = step * 4 if now - asked < QUICK_S else step
    return _page(found, size)


def _said(wanted: Wanted) -> set[str]:
    """What was said of them."""
    return {name for name in wanted.__struct_fields__ if getattr(wanted, name) not in (None, "")}


def matching(tenant: Tenant, wanted: Wanted) -> QuerySet[RequestLog]:
    """Whoever calls has asked accounts.access whether this tenant is the person's own."""
    rows = RequestLog.objects.filter(tenant=tenant, **_equal(wanted))
    if wanted.since is not None:
        rows = rows.filter(received_at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(received_at__lt=wanted.until)
    if wanted.least_usd is not None:
        rows = rows.filter(cost_usd__gte=Decimal(str(wanted.least_usd)))
    if wanted.least_ms is not None:
        rows = rows.filter(duration_ms__gte=wanted.least_ms)
    if wanted.fallback is not None:
        rows = rows.filter(attempts__1__isnull=not wanted.fallback)
    return rows


_EVERYBODY = frozenset({"request_id", "since", "until"})  # an index finds these at once

_COLUMNS: Mapping[str, str] = {
    "request_id": "request_id",
    "model": "model",
    "provider": "provider",
    "asked": "requested_model",
    "query_type": "query_type",
    "strategy": "strategy",
    "api_key": "api_key_id",
    "status": "status",
    "error_code": "error_code",
    "conversation": "conversation",
    "stream": "is_stream",
    "test": "is_test",
}


def _equal(wanted: Wanted) -> Mapping[str, object]:
    return {column: value for name, column in _COLUMNS.items() if (value := getattr(wanted, name)) not in (None, "")}


# --- cursors


def cursor_of(row: RequestLog) -> str:
    return _cursor(row.received_at, row.pk)


def _cursor(at: datetime, pk: int) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((at.isoformat(), pk))).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, int]:
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, pk = msgspec.msgpack.decode(packed, type=tuple[datetime, int])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise BadCursor("That is no cursor of ours: take `after` of the page before.") from error
    if at.tzinfo is None or not 0 <= pk < 2**63:
        raise BadCursor("That is no cursor of ours: take `after` of the page before.")
    return at, pk
