"""Whose request is the first with its Idempotency-Key? The database decides, by a unique constraint.

    claim      one row; whoever inserts it is the first, everybody else reads it
    beat       while the first one's process lives; a claim that is silent for LOST_AFTER_S has lost its process
    keep       the answer goes into the row
    release    nobody was asked upstream: the row goes, and the key is free again

A row stands for KEPT_FOR, whatever became of it: nobody takes over a claim whose process was lost, because nobody knows
what that process had spent. All times are the database's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import cast
from uuid import UUID

from django.db import IntegrityError
from django.db.models.functions import Now
from msgspec import Struct

from gateway.models import IdempotentAnswer
from gateway.transcripts import Reply, sealed

KEPT_FOR = timedelta(hours=24)
BEAT_S = 10.0
LOST_AFTER_S = 60.0
_TRIES = 3  # a row may go between the insert that it stopped and the look at it

State = IdempotentAnswer.State


class Question(Struct, frozen=True, kw_only=True):
    """What was asked, by whom, under which key; the last two as marks (transcripts.Keys.marked)."""

    tenant_id: str
    key_id: str
    name: str
    fingerprint: str

    def about(self, request_id: str) -> str:
        return f"{self.tenant_id}|{self.key_id}|{self.name}|{self.fingerprint}|{request_id}"


class Claim(Struct, frozen=True, kw_only=True):
    """This request is the first."""

    row: int
    question: Question
    request_id: str


class First(Struct, frozen=True, kw_only=True):
    """Another request was the first: what is known of it."""

    request_id: str
    fingerprint: str
    state: str
    silent_s: float  # since its process was last heard of
    answer: bytes | None


def claim(question: Question, request_id: str) -> Claim | First:
    for _ in range(_TRIES):
        try:
            row = _inserted(question, request_id)
        except IntegrityError:
            if (first := _standing(question)) is not None:
                return first
        else:
            return Claim(row=row.pk, question=question, request_id=request_id)
    return First(request_id="", fingerprint=question.fingerprint, state=State.RUNNING, silent_s=0, answer=None)


def _inserted(question: Question, request_id: str) -> IdempotentAnswer:
    return IdempotentAnswer.objects.create(
        tenant_id=question.tenant_id,
        api_key_id=question.key_id,
        name=question.name,
        fingerprint=question.fingerprint,
        request_id=request_id,
        beaten_at=Now(),
        expires_at=Now() + KEPT_FOR,
    )


def _standing(question: Question) -> First | None:
    """None where the row has gone meanwhile, or had expired and is gone now."""
    rows = IdempotentAnswer.objects.filter(api_key_id=UUID(question.key_id), name=question.name)
    row = rows.annotate(now=Now()).first()
    if row is None:
        return None
    if row.expires_at <= row.now:
        rows.filter(pk=row.pk, expires_at__lte=Now()).delete()
        return None
    return First(
        request_id=row.request_id,
        fingerprint=row.fingerprint,
        state=row.state,
        silent_s=(row.now - row.beaten_at).total_seconds(),
        answer=None if row.answer is None else bytes(row.answer),
    )


def keep(claim: Claim, reply: Reply | None, seal: bytes) -> None:
    """The answer of the first; None: it was too long to keep. Twice does no harm."""
    answer = None if reply is None else sealed(reply, seal, claim.question.about(claim.request_id))
    state = State.TOO_LONG if reply is None else State.KEPT
    IdempotentAnswer.objects.filter(pk=claim.row).update(state=state, answer=answer)


def release(claim: Claim) -> None:
    IdempotentAnswer.objects.filter(pk=claim.row).delete()


def beat(claims: Collection[Claim]) -> None:
    IdempotentAnswer.objects.filter(pk__in=[claim.row for claim in claims]).update(beaten_at=Now())


def expired(limit: int) -> Iterable[int]:
    """Rows that stand no longer, as many at most."""
    rows = IdempotentAnswer.objects.filter(expires_at__lte=Now()).order_by("expires_at")
    return cast("Iterable[int]", rows.values_list("pk", flat=True)[:limit])
