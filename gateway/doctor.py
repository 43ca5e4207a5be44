"""What is misconfigured, unreachable or behind, and what to do about it? One line each, for a person (`manage.py doctor`).

A check is a function below under `@check`: it returns what it found. It changes nothing and waits for nothing longer than WAIT_S.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from msgspec import Struct

from gateway import vitals

WAIT_S = 3.0
DISK_LEAST = 512 * 2**20  # bytes: some sixty segments of the journal
BEHIND_S = 60.0

Level = Literal["good", "warning", "bad"]


class Finding(Struct, frozen=True):
    """`next` says what to do; empty where it is good."""

    level: Level
    what: str
    next: str = ""


Check = Callable[[], Finding]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def examine() -> Iterator[Finding]:
    """Of every check, in their order; one that breaks is a finding itself."""
    for function in CHECKS:
        try:
            yield function()
        except (OSError, DatabaseError, ImproperlyConfigured, ValueError) as error:
            yield Finding("bad", f"{function.__name__.replace('_', ' ')}: {error}", "Read the message above; then ask again.")


@check
def database() -> Finding:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        return Finding("bad", f"The database does not answer: {_short(error)}.", "Look at DATABASE_URL and at the server itself.")
    return Finding("good", f"The database answers ({connection.vendor}).")


@check
def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{m.app_label}.{m.name}" for m, _ in missing[:3])
        return Finding("bad", f"{len(missing)} migrations are missing ({names} …).", "manage.py migrate")
    return Finding("good", "All migrations are there.")


@check
def redis() -> Finding:
    from redis import Redis, RedisError

    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S) as client:
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except (RedisError, OSError) as error:
        return Finding(
            "bad", f"Redis does not answer: {_short(error)}.", "Look at REDIS_URL; until it answers, each process is alone."
        )
    if policy != "noeviction":
        return Finding("warning", f"Redis evicts ({policy}): tasks may vanish.", "Set maxmemory-policy noeviction.")
    return Finding("good", "Redis answers and evicts nothing.")


@check
def disk() -> Finding:
    folder = settings.JOURNAL_DIR
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    if free < DISK_LEAST:
        return Finding("bad", f"{free // 2**20} MiB are left for the journal.", "Make room: without it requests are refused.")
    return Finding("good", f"The journal has {free // 2**30} GiB of room.")


@check
def gateways() -> Finding:
    told = dict(vitals.read(settings.JOURNAL_DIR))
    silent = [name for name, v in told.items() if time.time() - v.at > vitals.SILENT_S]
    if silent:
        return Finding(
            "bad", f"{', '.join(silent)} says nothing.", "It hangs, or was killed and no recorder cleared up: restart it."
        )
    if not told:
        return Finding("warning", "No gateway process runs on this host.", "python -m gateway.serve, unless they run elsewhere.")
    late = max((v.keys_age_s or 0.0) for v in told.values())
    if late > BEHIND_S:
        return Finding(
            "bad", f"A gateway has not reached the database for {late:.0f} s.", "Look at its log and its way to the database."
        )
    return Finding("good", f"Gateway processes here: {len(told)}, with {sum(v.in_flight for v in told.values())} requests.")


@check
def recorder() -> Finding:
    lock = settings.JOURNAL_DIR / "recorder.lock"
    if not (lock.exists() and _is_held(lock)):
        return Finding("bad", "No recorder runs on this host: nothing reaches the database.", "manage.py recorder")
    return Finding("good", "The recorder runs.")


@check
def workers() -> Finding:
    from kombu.exceptions import OperationalError

    from gateway.celery import app

    try:
        answers = app.control.ping(timeout=WAIT_S)
    except (OperationalError, OSError) as error:
        return Finding("bad", f"Workers cannot be asked: {_short(error)}.", "Celery needs Redis: see above.")
    if not answers:
        return Finding("bad", "No worker answers: no sums, no mail, nothing is deleted.", "celery -A gateway.celery worker")
    return Finding("good", f"Workers that answer: {len(answers)}.")


@check
def beat() -> Finding:
    from django.utils import timezone

    from gateway.models import RequestLog, Rollup

    newest = RequestLog.objects.order_by("-entered_at").first()
    if newest is None or (timezone.now() - newest.entered_at).total_seconds() < 180:
        return Finding("good", "Nothing waits to be summed.")
    hour = newest.received_at.replace(minute=0, second=0, microsecond=0)
    if not Rollup.objects.filter(period=Rollup.Period.HOUR, starts_at=hour).exists():
        return Finding(
            "bad", f"The hour of {hour:%Y-%m-%d %H:%M} UTC has not been summed.", "celery -A gateway.celery beat (one)"
        )
    return Finding("good", "Hours and days are summed.")


@check
def providers() -> Finding:
    from accounts.credentials import endpoint
    from routing.snapshot import catalog

    known = [found for provider in catalog().providers.values() if (found := endpoint(provider, test=False))]
    live = sorted(found.credential for found in known if not found.sandbox)
    if not known:
        return Finding(
            "bad", "No provider can be reached: every request is refused.", "Set OPENAI_API_KEY or another provider's key."
        )
    if not live:
        return Finding("warning", "Every provider is played by the sandbox.", "Set a provider's key to reach the real one.")
    return Finding("good", f"With a credential: {', '.join(live)}.")


@check
def addresses() -> Finding:
    if settings.PRODUCTION and not (settings.PUBLIC_URL or "").startswith("https://"):
        return Finding(
            "bad", "PUBLIC_URL is not https: keys and sessions would travel in the open.", "Set it to the https address."
        )
    return Finding("good", f"Callers reach us at {settings.PUBLIC_URL or 'an address that nobody set'}.")


def _is_held(lock: os.PathLike[str]) -> bool:
    with open(lock, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
