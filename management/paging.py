"""Lists, a page at a time, the same everywhere: newest first, `limit` of them, `after` the cursor that the page before gave as
`next`. A page stays where it is while new things come."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from msgspec import Meta, Struct

from gateway.errors import InvalidValue
from gateway.operations import Listed

Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[str, Meta(max_length=200)]


class Paging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    after: Cursor = ""


def page_of(rows: QuerySet[Any], paging: Any, tell: Callable[[Any], Any], *, by: str = "created_at") -> Listed:
    """Raises InvalidValue for what is no cursor."""
    if paging.after:
        at, pk = _read(paging.after)
        try:
            # the first bound is in the second; it is there for the index
            rows = rows.filter(Q(**{f"{by}__lt": at}) | Q(**{by: at, "pk__lt": pk}), **{f"{by}__lte": at})
        except (ValidationError, ValueError):  # the key of some other list
            raise InvalidValue("This is no cursor of this list: take `next` of the page before.", param="after") from None
    found = list(rows.order_by(f"-{by}", "-pk")[: paging.limit + 1])
    more = len(found) > paging.limit
    shown = found[: paging.limit]
    return Listed([tell(row) for row in shown], cursor_of(getattr(shown[-1], by), shown[-1].pk) if more else None)


def cursor_of(at: datetime, pk: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((at.isoformat(), str(pk)))).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, pk = msgspec.msgpack.decode(packed, type=tuple[datetime, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidValue("This is no cursor of ours: take `next` of the page before.", param="after") from None
    if at.tzinfo is None or "\0" in pk:
        raise InvalidValue("This is no cursor of ours: take `next` of the page before.", param="after")
    return at, pk
