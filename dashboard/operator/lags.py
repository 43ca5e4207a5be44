"""What is behind? How long ago the oldest thing came that still waits: to be recorded, learned from, told, or summed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from msgspec import Struct

from accounts.models import Message
from gateway import recorder
from gateway.models import RequestLog, Rollup

LATE = {"journal": 10.0, "learning": 60.0, "outbox": 120.0, "sums": 240.0}  # seconds, after which somebody should look

SOON_S = 2.0  # the recorder looks at the journals more often than that


class Lag(Struct, frozen=True, kw_only=True):
    """`seconds`: None where nothing waits."""

    name: str
    title: str
    waits: str
    seconds: float | None

    @property
    def is_late(self) -> bool:
        return self.seconds is not None and self.seconds > LATE[self.name]


def lags() -> Sequence[Lag]:
    return (
        Lag(name="journal", title="Journal", waits="to be recorded, on this host", seconds=_journal(settings.JOURNAL_DIR)),
        Lag(name="learning", title="Learning", waits="to be learned from", seconds=_learning()),
        Lag(name="outbox", title="Outbox", waits="to be told by mail or webhook", seconds=_outbox()),
        Lag(name="sums", title="Sums", waits="to be summed by hour and day", seconds=_sums()),
    )


def _journal(folder: Path) -> float | None:
    """Since the recorder of this host had entered all that was written."""
    caught_up = recorder.caught_up_at(folder)
    behind = None if caught_up is None else time.time() - caught_up
    return behind if behind is not None and behind > SOON_S else None


def _learning() -> float | None:
    oldest = RequestLog.objects.filter(learned=False).order_by("pk").values_list("entered_at", flat=True).first()
    return _since(oldest)


def _outbox() -> float | None:
    due = Message.objects.filter(state=Message.State.WAITING, due_at__lt=timezone.now()).order_by("due_at")
    return _since(due.values_list("due_at", flat=True).first())


def _sums() -> float | None:
    """Since a request was recorded whose hour has no sum yet."""
    newest = RequestLog.objects.order_by("-pk").values("received_at", "entered_at").first()
    if newest is None:
        return None
    hour = newest["received_at"].replace(minute=0, second=0, microsecond=0)
    if Rollup.objects.filter(period=Rollup.Period.HOUR, starts_at=hour).exists():
        return None
    return _since(newest["entered_at"])


def _since(moment: datetime | None) -> float | None:
    return None if moment is None else max(timedelta(0), timezone.now() - moment).total_seconds()
