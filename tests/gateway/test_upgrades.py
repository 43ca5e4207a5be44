"""Migrations that the previous version can live with, and `manage.py check_upgrade`, which says so."""

from __future__ import annotations

import contextlib

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations import Migration
from django.db.migrations import operations as op
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from gateway.upgrades import OURS, dangers

# The last of each app before there was a release that anybody could come from. What comes after must be safe, or say why it is.
BEFORE_THE_FIRST_RELEASE = {"accounts": "0014", "routing": "0004", "gateway": "0013", "learning": "0001"}


def migration(*operations, **more):
    made = type("Migration", (Migration,), {"operations": list(operations), **more})
    return made("9999_next", "gateway")


@pytest.mark.django_db
def test_every_migration_since_is_safe_or_says_why():
    found = MigrationLoader(connection).disk_migrations
    new = [m for (app, name), m in found.items() if app in OURS and name[:4] > BEFORE_THE_FIRST_RELEASE[app]]
    assert [str(danger) for one in new for danger in dangers(one)] == []


DANGEROUS = (
    op.RemoveField("requestlog", "asked"),
    op.DeleteModel("Rollup"),
    op.RenameField("requestlog", "asked", "said"),
    op.AddField("requestlog", "more", models.IntegerField(default=0)),
    op.AlterField("requestlog", "asked", models.CharField(max_length=3)),
    op.AddConstraint("requestlog", models.CheckConstraint(condition=models.Q(http_status__gt=0), name="c")),
    op.RunSQL("SELECT 1"),
)
SAFE = (
    op.AddField("requestlog", "more", models.IntegerField(null=True)),
    op.AddField("requestlog", "more", models.IntegerField(db_default=0)),
    op.CreateModel("New", [("id", models.BigAutoField(primary_key=True))]),
    op.RemoveConstraint("requestlog", "c"),
)


@pytest.mark.parametrize("operation", DANGEROUS, ids=lambda o: type(o).__name__)
def test_what_the_previous_version_could_not_live_with_is_named(operation):
    [danger] = dangers(migration(operation))
    assert danger.migration == "gateway.9999_next" and danger.why
    assert not list(dangers(migration(operation, reviewed="nobody reads it any more")))


@pytest.mark.parametrize("operation", SAFE, ids=lambda o: type(o).__name__)
def test_what_it_can_live_with_is_not(operation):
    assert not list(dangers(migration(operation)))


def test_a_table_that_is_made_in_the_same_migration_is_nobody_s_yet():
    made = op.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])
    assert not list(dangers(migration(made, op.AddField("new", "more", models.IntegerField()))))


@pytest.mark.django_db
def test_the_command_says_what_is_to_be_done(capsys):
    call_command("check_upgrade")
    assert "Nothing is to be migrated" in capsys.readouterr().out
    leaf = next(name for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes() if app == "gateway")
    MigrationRecorder(connection).record_unapplied("gateway", leaf)
    with contextlib.suppress(SystemExit):  # whether it is safe is another matter
        call_command("check_upgrade")
    assert f"gateway.{leaf}" in capsys.readouterr().out
