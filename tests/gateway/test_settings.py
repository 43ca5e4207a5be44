"""Settings refuse to start on a malformed or missing value, and name it."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway import environment

GOOD = {
    "ROUTEPLEX_ENV": "production",
    "SECRET_KEY": "a-long-and-random-secret-key-of-more-than-fifty-characters-0123456789",
    "KEY_PEPPER": "a-long-and-random-pepper-0123456789",
    "ENCRYPTION_KEY": "a-long-and-random-encryption-key-0123456789",
    "ALLOWED_HOSTS": "gateway.example.com",
    "PUBLIC_URL": "https://gateway.example.com",
    "DATABASE_URL": "postgres://user:password@127.0.0.1/name",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}


def manage(tmp_path, *arguments, **env):
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env={**clean, "VAR_DIR": str(tmp_path), **env}, capture_output=True, text=True, check=False)


def test_check_deploy_is_clean_with_production_settings(tmp_path):
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **GOOD)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


MALFORMED = {
    "ROUTEPLEX_ENV": "prod",
    "DATABASE_URL": "mysql://x/y",
    "REDIS_URL": "127.0.0.1:6379",
    "MAX_BODY_BYTES": "lots",
    "ENCRYPTION_KEY": "short",
    "ENCRYPTION_KEY_PREVIOUS": "short",
    "SANDBOX_URL": "sandbox",
    "PUBLIC_URL": "gateway.example.com",
    "DEBUG": "perhaps",
    "LOG_LEVEL": "LOUD",
    "SECRET_KEY_FILE": "/nowhere",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_value_is_named(tmp_path, name):
    done = manage(tmp_path, "check", **{**GOOD, name: MALFORMED[name]})
    assert done.returncode == 1
    assert name in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", ["SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"])
def test_a_missing_value_is_named(tmp_path, name):
    env = {key: value for key, value in GOOD.items() if key != name}
    done = manage(tmp_path, "check", **env)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].count(f"{name} is not set") == 1


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "secret").write_text(GOOD["SECRET_KEY"] + "\n")
    env = {key: value for key, value in GOOD.items() if key != "SECRET_KEY"}
    assert manage(tmp_path, "check", **env, SECRET_KEY_FILE=str(tmp_path / "secret")).returncode == 0


def test_the_sandbox_runs_in_production_only_when_it_is_meant(tmp_path):
    done = manage(tmp_path, "check", **GOOD, SANDBOX_URL="http://127.0.0.1:9")
    assert "SANDBOX_ENABLED" in done.stderr
    assert manage(tmp_path, "check", **GOOD, SANDBOX_URL="http://127.0.0.1:9", SANDBOX_ENABLED="1").returncode == 0


@pytest.mark.parametrize(
    ("url", "backend", "options"),
    [
        ("smtp+tls://u%40x:p@mail.example.com", "smtp", {"port": 587, "use_tls": True, "username": "u@x", "password": "p"}),
        ("smtps://mail.example.com", "smtp", {"port": 465, "use_ssl": True}),
        ("smtp://mail.example.com:2525", "smtp", {"port": 2525, "use_tls": False, "use_ssl": False}),
        ("file:///tmp/mail", "filebased", {"file_path": "/tmp/mail"}),
        ("console://", "console", {}),
        ("none://", "dummy", {}),
    ],
)
def test_where_mail_goes(monkeypatch, url, backend, options):
    monkeypatch.setenv("EMAIL_URL", url)
    entry = environment.mailer("EMAIL_URL", "none://")
    assert entry["BACKEND"] == f"django.core.mail.backends.{backend}.EmailBackend"
    assert options.items() <= entry.get("OPTIONS", {}).items()


@pytest.mark.parametrize("url", ["mail.example.com", "pop://mail.example.com", "smtp://"])
def test_mail_that_goes_nowhere_is_refused_by_name(monkeypatch, url):
    monkeypatch.setenv("EMAIL_URL", url)
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        environment.mailer("EMAIL_URL", "none://")
