"""What stands in for Django's `flush` after each test: a thousand times as often as in any other life of it.

Rows are deleted, not truncated: a TRUNCATE of all tables waits for every reader and may deadlock with one (the server under
test reads whenever it likes). What no test changes (content types, permissions) stays, so nothing needs to make it again.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, connection, transaction

KEPT = {"django_content_type", "auth_permission"}
ATTEMPTS = 5  # a writer of the server's may hold rows in another order


@cache
def tables() -> tuple[str, ...]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return tuple(sorted(set(found) - KEPT))


class Command(BaseCommand):
    stealth_options = ("reset_sequences", "allow_cascade", "inhibit_post_migrate", "interactive", "database")

    def handle(self, *args: Any, **options: Any) -> None:
        for _ in range(ATTEMPTS - 1):
            with suppress(OperationalError):
                _empty()
                return
        _empty()


def _empty() -> None:
    quoted = [connection.ops.quote_name(name) for name in tables()]
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")  # no foreign key is looked after meanwhile
        filled = [name for name in quoted if _has_rows(cursor, name)]
        for name in filled:
            cursor.execute(f"DELETE FROM {name}")


def _has_rows(cursor: Any, name: str) -> bool:
    cursor.execute(f"SELECT 1 FROM {name} LIMIT 1")
    return cursor.fetchone() is not None
