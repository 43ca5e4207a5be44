"""What happened? An intent line before each upstream call, an outcome line at the end: every request leaves one row.

The lines go to this process's journal (gateway/journal.py); the recorder moves them into RequestLog and logs them. This
file is also the only way others may read what happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec
from msgspec import Struct

from gateway import drain, errors
from gateway.journal import Journal, JournalUnavailable
from gateway.marks import NONE, Marks, marks_of
from gateway.tally import Tally
from gateway.tracing import written
from routing.decisions import DecisionRecord, kept
from routing.types import Attempt, Classification, Decision, Usage

if TYPE_CHECKING:
    from accounts.models import Tenant
    from gateway.models import RequestLog

UNCHANGED = "unchanged"
Status = Literal["ok", "replayed", "error", "refused", "client_gone", "orphaned"]
log = logging.getLogger("routeplex.record")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Intent(Struct, frozen=True, kw_only=True, tag_field="line", tag="intent"):
    """Before an upstream call: all that a row needs should nobody come back. The decision stands in the first one."""

    request_id: str
    tenant_id: str
    key_id: str
    test: bool
    received_at: float
    stream: bool
    requested_model: str
    attempt: Attempt
    classification: Classification | None = None
    decision: DecisionRecord | None = None
    estimated_input_tokens: int = 0
    trace: str = ""  # gateway/tracing.py; empty: none, or it is not sampled


class Outcome(Struct, frozen=True, kw_only=True, tag_field="line", tag="outcome"):
    """The end of a request."""

    request_id: str
    tenant_id: str
    key_id: str
    test: bool
    received_at: float
    duration_ms: int
    ttft_ms: int | None
    stream: bool
    requested_model: str
    status: Status
    http_status: int
    error_code: str
    model: str
    provider: str
    usage: Usage
    cost: int
    attempts: list[Attempt]
    marks: Marks = NONE
    trace: str = ""
    enhanced: str = ""  # the paragraph that was added (routing/enhancements.py), or that none was, where it was asked for
    classification: Classification | None = None  # these two only where no intent told them
    decision: DecisionRecord | None = None


Line = Intent | Outcome
decode_line = msgspec.json.Decoder(Line).decode

_journal: Journal | None = None
_debts: list[bytes] = []  # outcomes that the disk had no room for


def use(journal: Journal | None) -> None:
    """This process's journal, from its start to its end."""
    global _journal
    _journal = journal


class recording:  # noqa: N801  # `with recording(tally) as record:`
    """One request, from its arrival to its outcome line, whatever happens in between."""

    def __init__(self, tally: Tally) -> None:
        assert _journal is not None, "record.use() comes first"
        self._tally = tally
        self._segment = _journal.segment()
        self._written = False

    def __enter__(self) -> Self:
        self._segment.open_requests += 1
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        self.ended(error)
        self._segment.open_requests -= 1

    def intent(self, attempt: Attempt) -> None:
        """Before the upstream call of `attempt`. Raises JournalUnavailable: then the call must not be made."""
        tally, first = self._tally, attempt.number == 1
        line = _encode(
            Intent(
                **_who(tally),
                attempt=attempt,
                classification=tally.classification if first else None,
                decision=_kept(tally.decision) if first else None,
                estimated_input_tokens=tally.classification.input_tokens if tally.classification else 0,
            )
        )
        if not self._segment.append(line):
            raise JournalUnavailable("this segment of the journal is full")

    def ended(self, error: BaseException | None) -> None:
        """Writes the outcome, once. `execute` calls it when the last of the answer is in its hands, so that the outcome
        is written before the last byte leaves; what ends in any other way is written on leaving the `with`."""
        if self._written:
            return
        self._written = True
        line = _encode(_outcome(self._tally, error))
        if not self._segment.append(line):
            _write_elsewhere(line)


def _write_elsewhere(line: bytes) -> None:
    assert _journal is not None
    try:
        _journal.append_anywhere(line)
    except JournalUnavailable:
        _debts.append(line)
        log.critical("the disk is full: %d outcomes wait in memory", len(_debts))


def _who(tally: Tally) -> dict[str, Any]:
    return {
        "request_id": tally.request_id,
        "tenant_id": tally.caller.tenant_id,
        "key_id": tally.caller.key_id,
        "test": tally.caller.test,
        "received_at": tally.received_at,
        "stream": tally.request.stream if tally.request else False,
        "requested_model": tally.request.body.model[:200] if tally.request else "",
        "trace": written(tally.trace),
    }


def _outcome(tally: Tally, error: BaseException | None) -> Outcome:
    status, http_status, code = _ending(tally, error)
    last = tally.attempts[-1] if tally.attempts else None
    told = bool(last)  # the first intent has told them
    return Outcome(
        **_who(tally),
        duration_ms=tally.elapsed_ms(),
        ttft_ms=tally.ttft_ms,
        status=status,
        http_status=http_status,
        error_code=code,
        model=tally.served.model.id if tally.served else last.model if last else "",
        provider=tally.served.model.provider if tally.served else last.provider if last else "",
        usage=tally.usage,
        cost=tally.cost,
        attempts=tally.attempts,
        marks=marks_of(tally.caller.tenant_id, tally.request, tally.conversation) if tally.request and tally.attempts else NONE,
        enhanced=_enhanced(tally),
        classification=None if told else tally.classification,
        decision=None if told else _kept(tally.decision),
    )


def _enhanced(tally: Tally) -> str:
    made = tally.request.enhancement if tally.request else None
    return "" if made is None else made.paragraph or UNCHANGED


def _ending(tally: Tally, error: BaseException | None) -> tuple[Status, int, str]:
    if error is None:
        return ("ok", 200, "") if tally.replayed is None else ("replayed", tally.replayed, "")
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        if not drain.over():
            return "client_gone", 499, "client_gone"
        error = errors.Stopping()
    answer = errors.describe(error)
    return "error" if tally.attempts else "refused", answer.status, answer.code


def _kept(decision: Decision | None) -> DecisionRecord | None:
    return None if decision is None else kept(decision)


async def pay_debts() -> None:
    """Writes, for ever, the outcomes that the disk had no room for."""
    while True:
        await asyncio.sleep(1)
        owed, _debts[:] = _debts[:], []
        for line in owed:
            _write_elsewhere(line)


# --- reading


class Recorded(Struct, frozen=True, kw_only=True):
    """A request that was decided: what was decided, and what came of it."""

    request_id: str
    tenant_id: str
    received_at: datetime
    status: str
    model: str  # who answered
    decision: DecisionRecord
    classification: Classification


def decision_of(tenant_ids: Sequence[str], request_id: str) -> Recorded | None:
    """None where no such request of these tenants was decided, or its decision is kept in a form of another release.
    Whoever calls has asked who may see these tenants' requests."""
    from gateway.models import RequestLog

    row = RequestLog.objects.filter(tenant_id__in=tenant_ids, request_id=request_id, decision__isnull=False).first()
    if row is None:
        return None
    try:
        decision = msgspec.convert(row.decision, DecisionRecord)
        classification = msgspec.convert(row.classification, Classification)
    except msgspec.ValidationError:
        return None
    return Recorded(
        request_id=row.request_id,
        tenant_id=str(row.tenant_id),
        received_at=row.received_at,
        status=row.status,
        model=row.model,
        decision=decision,
        classification=classification,
    )


def latest_of(tenants: Sequence[Tenant], limit: int) -> Sequence[RequestLog]:
    """The newest requests of these tenants. Whoever calls has asked accounts.access which are the person's own."""
    from gateway.models import RequestLog

    rows = RequestLog.objects.filter(tenant_id__in=[tenant.pk for tenant in tenants])
    return list(rows.select_related("api_key").order_by("-received_at")[:limit])
