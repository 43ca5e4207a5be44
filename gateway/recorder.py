"""How does what happened get from the journals into the database?

One recorder runs on every host that has gateways, in a process of its own: the database may be slow or away and no
reply waits for it. It reads each journal as it grows, writes rows in batches, and finishes what the dead left behind:
an intent without an outcome, in a journal that nobody holds any more, becomes a row in the state `orphaned` with an
estimated cost. It may stop and start at any point: rows are unique by request id, and a journal is deleted only when
all of it is in the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import OperationalError, close_old_connections, transaction

from gateway import kept, ledger, metrics, operating, settlement, spans, vitals
from gateway.journal import FOLDER_ID, READY, folder_id, process_of
from gateway.models import RequestLog
from gateway.reconcile import violations
from gateway.record import Intent, Outcome, decode_line
from gateway.tally import price
from routing.snapshot import catalog, keep_catalog
from routing.types import PICO_PER_USD, Usage

BATCH = 500
EVERY_S = 0.2
AWAY_S = 2.0  # pause while the database is away
LEAVE_S = 20.0  # the longest that a recorder goes on after it was asked to leave
LAST_USED_EVERY_S = 10.0
RELEASE_EVERY_S = 5.0
COUNT_EVERY_S = 60.0
CAUGHT_UP = "recorder.caught-up"  # of the folder: nothing waited at the time of this file
SAID_EVERY_S = 1.0
READ_BYTES = 2**20  # many lines; none is as long

log = logging.getLogger("routeplex.recorder")
requests = logging.getLogger("routeplex.request")


@dataclass
class Tail:
    """How far one journal has been read, and which of its requests are still without an end."""

    path: Path
    offset: int = 0
    more: bool = False  # there is more to read than one round takes
    intents: dict[str, list[Intent]] = field(default_factory=dict)

    def read(self) -> Iterator[Outcome]:
        """The outcomes that are new; a line that is still being written is left for later."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(READ_BYTES)
        self.more = len(data) == READ_BYTES and b"\0" not in data
        data = data[:end] if (end := data.find(b"\0")) >= 0 else data
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.splitlines():
            try:
                entry = decode_line(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                _set_aside(self.path, line)
                continue
            if isinstance(entry, Intent):
                self.intents.setdefault(entry.request_id, []).append(entry)
            else:
                yield entry


def caught_up_at(folder: Path) -> float | None:
    """When the recorder of this folder had last entered all that was written: Unix seconds. None: never."""
    try:
        return (folder / CAUGHT_UP).stat().st_mtime
    except OSError:
        return None


class Recorder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tails: dict[Path, Tail] = {}
        self.used: dict[str, float] = {}  # key id -> Unix seconds of its latest request
        self.used_written = time.monotonic()
        self.released = self.counted = -inf  # monotonic seconds: when the dead were last looked for, and overrun budgets
        self.leave_by = inf  # monotonic seconds
        self.said = -inf  # monotonic seconds: when it was last said that nothing waits
        self.running = False
        self.trace, self.send_traces = spans.teller(settings.TRACES_URL) if settings.TRACES_URL else (spans.none, lambda: None)

    def run(self) -> None:
        """For ever; a second recorder of the same folder waits until the first is gone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "recorder.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.running = True
            try:
                self._run()
            finally:
                self.send_traces()

    def leave(self) -> None:
        """Soon: what the gateways of this host have written is entered first, for they may have left just now. At once
        (SystemExit) while it still waits for its turn."""
        if not self.running:
            raise SystemExit(0)
        self.leave_by = time.monotonic() + LEAVE_S

    def _say_caught_up(self) -> None:
        """For whoever looks from another process: the time of a file, once a second."""
        if not self._behind() and time.monotonic() - self.said >= SAID_EVERY_S:
            self.said = time.monotonic()
            with contextlib.suppress(OSError):
                (self.folder / CAUGHT_UP).touch()

    def _run(self) -> None:
        catalog_kept = False
        while time.monotonic() < self.leave_by:
            try:
                close_old_connections()
                operating.catch_up()
                if not catalog_kept:
                    keep_catalog()
                    catalog_kept = True
                busy = self.step()
                self._say_caught_up()
            except OperationalError:
                log.warning("the database is away: rows wait in the journal")
                time.sleep(AWAY_S)
                continue
            if not busy and self.leave_by < inf:
                return
            if not busy:
                time.sleep(EVERY_S)

    def step(self) -> bool:
        """One round over all journals; whether there was anything to do."""
        began = time.monotonic()
        paths = sorted(self.folder.glob("*" + READY))
        released = {path for path in paths if _is_released(path)}  # asked before reading: later lines wait a round
        moved = {path for path in paths if self._follow(self.tails.setdefault(path, Tail(path)))}
        busy = {process_of(path) for path in moved}
        finished = [path for path in released if process_of(path) not in busy]
        for path in finished:
            self._finish(self.tails.pop(path))
            vitals.forget(self.folder, process_of(path))
        self._release(at_once=bool(finished))
        self._count_violations()
        if not self._behind():
            metrics.caught_up(began)
        contents = kept.take_in(self.folder)
        self._write_last_used()
        return bool(moved or finished or contents)

    def _behind(self) -> bool:
        return any(tail.more for tail in self.tails.values())

    def _follow(self, tail: Tail) -> bool:
        """Whether this journal had grown."""
        before, kept = tail.offset, dict(tail.intents)
        try:
            ended = [(outcome, tail.intents.pop(outcome.request_id, [])) for outcome in tail.read()]
            _insert([_row(outcome, intents) for outcome, intents in ended])
        except OperationalError:
            tail.offset, tail.intents = before, kept  # nothing happened: the same again when the database is back
            raise
        for outcome, intents in ended:
            metrics.count(outcome, intents[0] if intents else outcome, by_tenant=settings.METRICS_BY_TENANT)
            self.used[outcome.key_id] = max(outcome.received_at, self.used.get(outcome.key_id, 0))
            log_line(outcome)
            self.trace(outcome, intents)
        return tail.offset > before

    def _finish(self, tail: Tail) -> None:
        """All of it is in the database and nobody can add to it, nor to any other journal of its process: what has no
        outcome by now never will."""
        try:
            _insert([_orphan(intents) for intents in tail.intents.values()])
        except OperationalError:
            self.tails[tail.path] = tail
            raise
        metrics.orphaned(len(tail.intents))
        for intents in tail.intents.values():
            self.trace(intents[-1], intents)
        tail.path.unlink()

    def _release(self, *, at_once: bool) -> None:
        """Processes of which no journal is left have settled all that they ever will."""
        if not at_once and time.monotonic() - self.released < RELEASE_EVERY_S:
            return
        if not (self.folder / FOLDER_ID).exists():
            return  # nobody here has ever held any
        settlement.release(folder_id(self.folder), lambda: {process_of(path) for path in self.folder.glob("*" + READY)})
        self.released = time.monotonic()

    def _count_violations(self) -> None:
        if time.monotonic() - self.counted >= COUNT_EVERY_S:
            metrics.violations.set(violations())
            self.counted = time.monotonic()

    def _write_last_used(self) -> None:
        if not self.used or time.monotonic() - self.used_written < LAST_USED_EVERY_S:
            return
        from accounts.keys import used

        used({key: datetime.fromtimestamp(at, UTC) for key, at in self.used.items()})
        self.used, self.used_written = {}, time.monotonic()


def _is_released(path: Path) -> bool:
    """Whether nobody holds this journal any more: its process has closed it, or is dead."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def log_line(o: Outcome) -> None:
    """The one line of each request: ids, choice, tokens, times; never prompts, never keys."""
    requests.info(
        "%s %s %s tenant=%s key=%s asked=%r model=%s attempts=%d in=%d out=%d cost_usd=%s ttft_ms=%s ms=%d",
        o.request_id, o.status, o.error_code or "-", o.tenant_id, o.key_id, o.requested_model[:80], o.model or "-",
        len(o.attempts), o.usage.input_tokens, o.usage.output_tokens, Decimal(o.cost) / PICO_PER_USD, o.ttft_ms, o.duration_ms,
    )  # fmt: skip


# --- rows


def _row(outcome: Outcome, intents: list[Intent]) -> RequestLog:
    first = intents[0] if intents else outcome
    usage = outcome.usage
    return RequestLog(
        **_common(outcome, first),
        attempts=msgspec.to_builtins(outcome.attempts),
        conversation=outcome.marks.conversation,
        enhanced=outcome.enhanced,
        asked=outcome.marks.asked,
        before=outcome.marks.before,
        status=outcome.status,
        http_status=outcome.http_status,
        error_code=outcome.error_code,
        model=outcome.model,
        provider=outcome.provider,
        duration_ms=outcome.duration_ms,
        ttft_ms=outcome.ttft_ms,
        cost_usd=Decimal(outcome.cost) / PICO_PER_USD,
        **_tokens(usage),
    )


def _orphan(intents: list[Intent]) -> RequestLog:
    """Nobody saw its end: the input was sent, so that much is counted; more we cannot know."""
    first, last = intents[0], intents[-1]
    usage = Usage(input_tokens=last.estimated_input_tokens, estimated=True)
    model = catalog().models.get(last.attempt.model)
    at = datetime.fromtimestamp(first.received_at, UTC)
    pico = price(model, usage, at, last.attempt.service) if model and not first.test else 0
    pico = min([pico, *(held.amount for held in last.attempt.holds if held.unit == "usd")])
    return RequestLog(
        **_common(first, first),
        attempts=msgspec.to_builtins([intent.attempt for intent in intents]),
        status=RequestLog.Status.ORPHANED,
        http_status=0,
        error_code="orphaned",
        model=last.attempt.model,
        provider=last.attempt.provider,
        cost_usd=Decimal(pico) / PICO_PER_USD,
        **_tokens(usage),
    )


def _common(line: Intent | Outcome, first: Intent | Outcome) -> dict[str, Any]:
    return {
        "request_id": line.request_id,
        "tenant_id": line.tenant_id,
        "api_key_id": line.key_id,
        "received_at": datetime.fromtimestamp(line.received_at, UTC),
        "is_test": line.test,
        "is_stream": line.stream,
        "requested_model": _text(line.requested_model)[:200],
        "strategy": first.decision.question.strategy if first.decision else "",
        "query_type": first.classification.query_type if first.classification else "",
        "classification": msgspec.to_builtins(first.classification),
        "decision": msgspec.to_builtins(first.decision),
    }


def _tokens(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "usage_estimated": usage.estimated,
    }


def _text(value: str) -> str:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL keeps no NUL


def _insert(rows: Iterable[RequestLog]) -> None:
    """All of them, once each. A row that the database refuses is set aside, and the others go in."""
    rows = list(rows)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        try:
            with transaction.atomic():
                RequestLog.objects.bulk_create(batch, ignore_conflicts=True)
                settlement.settle(batch, ledger.enter)
        except OperationalError:
            raise
        except DatabaseError:
            log.exception("a batch was refused; its rows are tried one by one")
            _insert_each(batch)


def _insert_each(batch: Iterable[RequestLog]) -> None:
    """Money is entered even for a request whose row the database refuses."""
    for row in batch:
        _insert_alone(row, lambda rows: RequestLog.objects.bulk_create(rows, ignore_conflicts=True))
        _insert_alone(row, lambda rows: settlement.settle(rows, ledger.enter))


def _insert_alone(row: RequestLog, write: Callable[[list[RequestLog]], object]) -> None:
    try:
        with transaction.atomic():
            write([row])
    except OperationalError:
        raise
    except DatabaseError:
        log.exception("request %s was refused by the database and is only in this log", row.request_id)


def _set_aside(path: Path, line: bytes) -> None:
    """A line that is no line of ours: kept beside the journal for a person to look at."""
    log.error("a line of %s could not be read; it is kept in %s.unread", path, path.name)
    with contextlib.suppress(OSError), open(f"{path}.unread", "ab") as file:
        file.write(line + b"\n")
        os.fsync(file.fileno())
