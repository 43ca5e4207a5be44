"""`python -m bench.pages`: how long does the server take for each page of the dashboard, with so many requests behind it?

A workspace gets three months of made-up traffic (dashboard/traffic.py), whose rows are then copied to other moments of the same
three months until there are as many as asked for, and summed by the product itself. Copies have no recorded decision (a page
of the list does not read one). Each page is asked for through Django's whole stack, with a session, `--times` times; time is
the server's, without network and browser; kB are what would be sent, with gzip, without the style sheet and scripts that a
browser keeps.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.money.parts import Postgres
from bench.processes import KEPT, ROOT

DAYS = 90
BASE = 20_000  # rows that are made with their decisions
OPERATOR = ("operator", "operator_tenants", "operator_health", "operator_models")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--times", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="routeplex-pages-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        url = f"sqlite:///{folder}/bench.sqlite3"
        if asked.postgresql:
            postgres = Postgres(folder / "postgres")
            postgres.start()
            stack.callback(postgres.stop)
            url = postgres.url
        _run(url, folder, asked.rows, asked.times)


def _run(url: str, folder: Path, rows: int, times: int) -> None:
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"DJANGO_SETTINGS_MODULE": "gateway.settings", "DATABASE_URL": url, "VAR_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    env |= {"LOG_LEVEL": "ERROR", "ALLOWED_HOSTS": "testserver"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=env, cwd=ROOT, check=True)
    os.environ.update(env)
    import django

    django.setup()
    tenant = _fill(rows)
    _measure(tenant, times)


# --- filling


def _fill(rows: int) -> Any:
    from django.core.management import call_command
    from django.db import connection

    from accounts.models import Tenant
    from gateway.models import LedgerEntry, RequestLog
    from gateway.rollups import rebuild

    began = time.monotonic()
    call_command("demo_traffic", tenant="Demo", requests=min(rows, BASE), days=DAYS, verbosity=0)
    tenant = Tenant.objects.get(name="Demo")
    base, latest = RequestLog.objects.count(), {model: model.objects.latest("pk").pk for model in (RequestLog, LedgerEntry)}
    for copy in range(1, max(1, -(-rows // base))):
        _copy(copy, latest)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    filled = time.monotonic()
    print(f"{RequestLog.objects.count():,} requests on {connection.vendor}, filled in {filled - began:.0f} s")
    hours = rebuild()
    print(f"{hours:,} hours summed in {time.monotonic() - filled:.0f} s")
    _settle()
    return tenant


def _settle() -> None:
    """What the database would have done by itself long since, had the rows come over three months."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")


def _copy(copy: int, latest: Mapping[Any, int]) -> None:
    """All rows up to `latest` once more, at another moment of the three months."""
    from django.db import connection
    from django.utils import timezone

    from gateway.models import LedgerEntry, RequestLog

    by_s, whole_s = (copy * 127_031) % (DAYS * 86_400), DAYS * 86_400
    end = timezone.now()
    for model, column in ((RequestLog, "received_at"), (LedgerEntry, "at")):
        names = [field.column for field in model._meta.local_concrete_fields if not field.primary_key]
        told = {name: f'"{name}"' for name in names}
        told["request_id"] = f"'req_c{copy:05x}' || substr(request_id, 11)"
        told[column] = _moved(connection.vendor, column)
        if model is RequestLog:
            told |= {"decision": "NULL", "classification": "NULL"}
        sql = (
            f"INSERT INTO {model._meta.db_table} ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in names)}) "
            f"SELECT {', '.join(told.values())} FROM {model._meta.db_table} WHERE id <= %s"
        )
        start = end - timedelta(days=DAYS)
        moved = [f"-{by_s} seconds", start, f"+{whole_s - by_s} seconds", f"-{by_s} seconds"]
        place = names.index(column)
        with connection.cursor() as cursor:
            assert told[names[place]].count("%s") == len(moved)
            cursor.execute(sql, [*(_plain(connection.vendor, one) for one in moved), latest[model]])


def _moved(vendor: str, column: str) -> str:
    """Earlier by so much, or, where that is before the three months, later by the rest of them."""
    if vendor == "sqlite":
        form = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', {column}, %s)"
        return f"CASE WHEN {form} < %s THEN {form} ELSE {form} END".format(column=column)
    form = "{column} + %s::interval"
    return f"CASE WHEN {form} < %s THEN {form} ELSE {form} END".format(column=column)


def _plain(vendor: str, value: Any) -> Any:
    return value if vendor != "sqlite" or isinstance(value, str) else value.strftime("%Y-%m-%d %H:%M:%S.%f")


# --- measuring


def _measure(tenant: Any, times: int) -> None:
    from django.test import Client

    from accounts.models import Membership, User

    person = User.objects.create_superuser("bench@example.com")
    Membership.objects.create(tenant=tenant, user=person, role="owner")
    client = Client()
    client.force_login(person, "allauth.account.auth_backends.AuthenticationBackend")
    print(f"\n{'page':<44} {'median':>9} {'most':>9} {'kB':>7}")
    for name, url in _addresses(tenant):
        client.get(url)
        took, body = [], b""
        for _ in range(times):
            began = time.perf_counter()
            response = client.get(url)
            body = response.content
            took.append((time.perf_counter() - began) * 1000)
            assert response.status_code == 200, (url, response.status_code)
        median, most, size = statistics.median(took), max(took), len(gzip.compress(body, 6)) / 1000
        print(f"{name:<44} {median:>6.0f} ms {most:>6.0f} ms {size:>7.1f}", flush=True)


def _addresses(tenant: Any) -> Iterator[tuple[str, str]]:
    from django.urls import reverse

    from dashboard.pages import PAGES
    from gateway import browse
    from gateway.browse import Wanted
    from gateway.models import RequestLog

    def at(page: str, **query: str) -> str:
        return f"{reverse(page, args=[tenant.slug])}?{'&'.join(f'{name}={value}' for name, value in query.items())}"

    for page in PAGES:
        yield page.title, at(page.name)
    for days in ("24h", "30d", "90d"):
        yield f"Overview, {days}", at("overview", range=days, by="api_key")
    deep = RequestLog.objects.filter(tenant=tenant).order_by("received_at")[RequestLog.objects.count() // 2]
    yield "Requests, from the middle", at("requests", after=browse.cursor_of(deep))
    yield "Requests, one model", at("requests", model=deep.model)
    yield "Requests, failed", at("requests", status="error")
    yield "Requests, dear", at("requests", least_usd="0.05")
    yield "Requests, fell back", at("requests", fallback="yes")
    yield "Requests, disliked", at("requests", feedback="bad")
    yield "Requests, one key and type", at("requests", query_type=deep.query_type, api_key=str(deep.api_key_id))
    one = browse.matching(tenant, Wanted()).exclude(decision=None).latest("pk")
    yield "One request", reverse("request", args=[tenant.slug, one.request_id])
    for name in OPERATOR:
        yield f"Operator: {name.removeprefix('operator_')}", reverse(name)


if __name__ == "__main__":
    main()
