"""Who may say what of a request? Taken in here, counted by learning/learn.py.

Feedback names a request of the tenant's own. A request is in the database within a second of its end, so one that is not there
yet but was made lately is believed; if it never comes, nothing is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from msgspec import Meta, Struct

from accounts.envelopes import seal
from accounts.ids import time_of
from gateway import records
from learning.models import Feedback

ON_ITS_WAY = timedelta(hours=2)  # a request may be younger than this and not in the database: it runs, or waits for it
WORDS = 4000  # characters of a comment, or of a correction

Stars = Annotated[int, Meta(ge=1, le=5)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, Meta(max_length=WORDS)]


class Said(Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /v1/feedback. One judgement at least."""

    request_id: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[^\x00]*$")]
    rating: Stars | None = None
    thumb: Literal["up", "down"] | None = None
    score: Share | None = None
    metrics: Annotated[dict[Name, Share], Meta(max_length=20)] = {}
    comment: Text | None = None
    correction: Text | None = None


class UnknownRequest(Exception):
    """No request of this tenant has that id."""


class NothingSaid(Exception):
    """Neither a judgement nor a word."""


def signals_of(said: Said) -> Mapping[str, float]:
    """Name and value 0..1."""
    found: dict[str, float] = {f"metric:{name}": value for name, value in said.metrics.items()}
    if said.rating is not None:
        found["rating"] = (said.rating - 1) / 4
    if said.thumb is not None:
        found["thumb"] = float(said.thumb == "up")
    if said.score is not None:
        found["score"] = said.score
    if said.correction and not found:  # who writes what it should have been says that it was not that
        found["score"] = 0.0
    return found


FELT = ("good", "bad", "any")


def requests_said_of(tenant_id: str, felt: str) -> QuerySet[Feedback, str]:
    """Ids of this tenant's requests of which somebody said something good (half of the most, or better), bad, or anything."""
    said = Feedback.objects.filter(tenant_id=tenant_id)
    said = {"good": said.filter(value__gte=0.5), "bad": said.filter(value__lt=0.5)}.get(felt, said)
    return said.values_list("request_id", flat=True)


def give(
    tenant_id: str, said: Said, *, key_id: str | None = None, user_id: UUID | None = None, as_signal: str | None = None
) -> Sequence[str]:
    """The signals that were taken in, each in place of what was said by it before. `as_signal`: of whoever says only one, and
    is no caller. Raises UnknownRequest, NothingSaid."""
    signals = signals_of(said)
    if as_signal is not None:
        signals = dict.fromkeys([as_signal], *signals.values())
    if not signals:
        raise NothingSaid
    _insist_on_request(tenant_id, said.request_id)
    words = _sealed(tenant_id, said)
    now = timezone.now()
    with transaction.atomic():
        for signal, value in signals.items():
            Feedback.objects.update_or_create(
                tenant_id=tenant_id,
                request_id=said.request_id,
                signal=signal,
                defaults={
                    "api_key_id": key_id, "user_id": user_id, "value": value, "words": words, "given_at": now,
                    "waiting": True, "counts": True,
                },
            )  # fmt: skip
    return sorted(signals)


def _insist_on_request(tenant_id: str, request_id: str) -> None:
    owner = records.owner_of(request_id)
    if owner == tenant_id or (owner is None and _may_come(request_id)):
        return
    raise UnknownRequest(request_id)


def _may_come(request_id: str) -> bool:
    made, now = time_of(request_id), datetime.now(UTC)
    return made is not None and now - ON_ITS_WAY <= made <= now + timedelta(minutes=1)


def _sealed(tenant_id: str, said: Said) -> bytes | None:
    words: dict[str, Any] = {name: text for name in ("comment", "correction") if (text := getattr(said, name))}
    return seal(msgspec.json.encode(words), about(tenant_id, said.request_id)) if words else None


def about(tenant_id: str, request_id: str) -> str:
    """The place of these words: elsewhere they cannot be opened."""
    return f"feedback {tenant_id} {request_id}"
