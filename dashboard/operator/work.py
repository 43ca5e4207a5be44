"""What runs behind the requests: gateways, recorders, workers, queues, and what `manage.py doctor` says of it all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from kombu.exceptions import OperationalError
from msgspec import Struct
from redis import Redis, RedisError

from accounts.models import Message
from dashboard.operator.lags import lags
from gateway import doctor, vitals
from gateway.celery import app

WAIT_S = 1.0
QUEUE = "celery"


class Worker(Struct, frozen=True, kw_only=True):
    """`running`: names of tasks, with how many seconds each has run."""

    name: str
    processes: int
    done: int
    running: Sequence[tuple[str, float]]


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/operator/work.html", {"lags": lags(), "gateways": _gateways()})


def now(request: HttpRequest) -> HttpResponse:
    """What has to be asked of others, and may take a few seconds."""
    workers, problem = _workers()
    context = {
        "workers": workers,
        "problem": problem,
        "queued": _queued(),
        "given_up": Message.objects.filter(state=Message.State.GIVEN_UP).count(),
        "waiting": Message.objects.filter(state=Message.State.WAITING).count(),
        "findings": list(doctor.examine()),
    }
    return render(request, "dashboard/operator/work_now.html", context)


def _gateways() -> list[dict[str, Any]]:
    """Those of this host; each tells how it is once a second."""
    at = time.time()
    told = sorted(vitals.read(settings.JOURNAL_DIR))
    return [{"name": name, "vitals": v, "silent": at - v.at > vitals.SILENT_S, "lag_ms": v.lag_s * 1000} for name, v in told]


def _queued() -> int | None:
    """None: Redis cannot be asked."""
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S) as client:
            return int(client.llen(QUEUE))
    except (RedisError, OSError):
        return None


def _workers() -> tuple[list[Worker], str]:
    inspect = app.control.inspect(timeout=WAIT_S)
    try:
        stats = inspect.stats() or {}
        active = inspect.active() or {} if stats else {}
    except (OperationalError, RedisError, OSError) as error:
        return [], f"Workers cannot be asked: {type(error).__name__}."
    at = time.time()
    return [
        Worker(
            name=name,
            processes=int(said.get("pool", {}).get("max-concurrency", 0)),
            done=sum(said.get("total", {}).values()),
            running=[(task["name"], at - (task.get("time_start") or at)) for task in active.get(name, ())],
        )
        for name, said in sorted(stats.items())
    ], ""
