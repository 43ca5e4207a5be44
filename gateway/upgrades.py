"""May a migration run while processes of the previous version still serve? They do not know the new columns, and still use the
old ones.

`dangers` names what they could not live with. A migration that was looked at and is safe all the same says so itself, as
`reviewed = "why"` on its class.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations import operations as op
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import NOT_PROVIDED
from msgspec import Struct

OURS = ("accounts", "routing", "gateway", "learning")


class Danger(Struct, frozen=True):
    """`why`: what the previous version would meet."""

    migration: str
    operation: str
    why: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.operation}: {self.why}"


def pending() -> list[Migration]:
    """Of every app, in their order."""
    executor = MigrationExecutor(connection)
    return [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def is_new() -> bool:
    """Whether nothing was ever migrated here."""
    return not MigrationRecorder(connection).applied_migrations()


def dangers(migration: Migration) -> Iterator[Danger]:
    """Nothing, where it has been reviewed, or is the first of its app: nobody has used it yet."""
    if migration.app_label not in OURS or migration.initial or hasattr(migration, "reviewed"):
        return
    made = {o.name.lower() for o in migration.operations if isinstance(o, op.CreateModel)}
    for operation in migration.operations:
        on = str(getattr(operation, "model_name", "")).lower()
        if on not in made and (why := _danger(operation)):
            yield Danger(f"{migration.app_label}.{migration.name}", operation.describe(), why)


def _danger(operation: Operation) -> str:
    match operation:
        case op.RemoveField() | op.DeleteModel():
            return "the previous version still reads and writes it: remove it one release after the last use of it"
        case op.RenameField() | op.RenameModel() | op.AlterModelTable():
            return "the previous version knows the old name: add a new one, fill it, and remove the old one a release later"
        case op.AddField():
            return _added(operation)
        case op.AlterField():
            return "a type, a length or NOT NULL may refuse what the previous version writes"
        case op.AddConstraint():
            return "it may refuse what the previous version writes"
        case op.AddIndex() if connection.vendor == "postgresql":
            return "writers wait while it is built: AddIndexConcurrently, in a migration that is not atomic"
        case op.RunSQL():
            return "nobody can see what it does to the previous version"
    return ""


def _added(operation: op.AddField) -> str:
    field = operation.field
    if field.null or field.many_to_many or field.db_default is not NOT_PROVIDED:
        return ""
    return "the previous version writes rows without it: give it a db_default, or let it be null"
