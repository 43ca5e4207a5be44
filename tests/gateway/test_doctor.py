"""`manage.py doctor`, as an operator runs it: everything up, and each part away."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.gateway.test_metrics import recording
from tests.gateway.test_server import environment, serving

PATIENCE_S = 60.0
pytestmark = pytest.mark.django_db(transaction=True)


def doctor(env):
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--no-color"], env=env, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def line(told, of):
    found = [line for line in told.splitlines() if of in line]
    assert found, told
    return found[0]


def test_what_runs_is_good_and_what_does_not_is_told_with_the_next_step(tmp_path, provider, acme, redis_url):
    env = environment(tmp_path, provider.url, REDIS_URL=redis_url)
    with serving(tmp_path, provider.url, REDIS_URL=redis_url), recording(tmp_path, provider.url, REDIS_URL=redis_url):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:  # both have to start
            code, told = doctor(env)
            if "The recorder runs" in told and "Gateway processes here: 1" in told:
                break
    for good in ("The database answers", "All migrations", "Redis answers", "The recorder runs", "Gateway processes here: 1"):
        assert line(told, good).startswith("✓")
    assert line(told, "With a credential").endswith("alpha, ant, beta, goo.")
    assert line(told, "No worker answers").startswith("✗")
    assert "→ celery -A gateway.celery worker" in told
    assert code == 1


def test_each_part_that_is_away_is_named(tmp_path, provider, acme):
    _, told = doctor(environment(tmp_path, provider.url, REDIS_URL="redis://127.0.0.1:9/0"))
    assert line(told, "Redis does not answer").startswith("✗")
    assert line(told, "No recorder runs").startswith("✗")
    assert line(told, "No gateway process").startswith("!")
    _, told = doctor(environment(tmp_path, provider.url, DATABASE_URL="postgres://nobody@127.0.0.1:9/nothing"))
    assert line(told, "The database does not answer").startswith("✗")


def test_a_database_without_tables_needs_migrations(tmp_path, provider, db):
    _, told = doctor(environment(tmp_path, provider.url, DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3"))
    assert line(told, "migrations are missing").startswith("✗")
    assert "→ manage.py migrate" in told
