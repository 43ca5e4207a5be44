"""`routeplex …` over HTTP, as a person and as a script."""

import json
import stat
import threading
import time

import pytest
from django.utils import timezone
from typer.testing import CliRunner

from accounts.management_keys import create
from accounts.models import ApiKey
from accounts.scopes import TENANT_SCOPES
from cli import account, managing
from cli.main import app
from gateway import managers
from gateway.models import RequestLog
from gateway.rollups import rebuild

SANDBOXED = "openai/gpt-4o-mini"


@pytest.fixture
def run(server, acme, monkeypatch, tmp_path):
    """A command, with its exit code, output and what it says aside."""
    managers.forget()
    _, key = create(acme.tenant, acme.alice, "terminal", role="owner", scopes=TENANT_SCOPES)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ROUTEPLEX_URL", server)
    monkeypatch.setenv("ROUTEPLEX_API_KEY", acme.key)
    monkeypatch.setenv("ROUTEPLEX_MANAGEMENT_KEY", key)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*words, input=None):
        return CliRunner().invoke(app, [str(word) for word in words], input=input)

    command.key = key
    return command


def good(result):
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_sign_in_and_out(run, server, acme, monkeypatch):
    for name in ("ROUTEPLEX_URL", "ROUTEPLEX_API_KEY", "ROUTEPLEX_MANAGEMENT_KEY"):
        monkeypatch.delenv(name)
    assert run("keys", "list").exit_code == 4
    assert "alice@example.com in Acme, owner" in run("login", "--url", server, input=run.key + "\n").stderr
    good(run("login", "--key", acme.key))
    assert stat.S_IMODE(account.file().stat().st_mode) == 0o600
    assert account.kept() == account.Account(server, acme.key, run.key)
    assert "alice@example.com" in good(run("whoami"))
    assert run("login", "--key", "nonsense").exit_code == 2
    assert run("login", "--key", acme.key[:-1] + "0").exit_code == 4 and account.kept().api_key == acme.key, (
        "a bad one is not kept"
    )
    good(run("logout"))
    assert run("whoami").exit_code == 4


def test_models_and_why(run):
    assert SANDBOXED in good(run("models"))
    assert "routeplex-ai" in [one["id"] for one in json.loads(good(run("models", "--json")))]
    told = good(run("route", "Write a haiku about spring", "--strategy", "cost"))
    assert "under cost" in told and "why" in told
    assert json.loads(good(run("route", "-", "--json", input="Prove it")))["candidates"]
    assert run("route", "x", "--strategy", "none-such").exit_code == 1


def test_chat_as_it_comes(run):
    told = run("chat", "Say hello", "--model", SANDBOXED)
    assert good(told).strip() and "gpt-4o-mini" in told.stderr
    whole = json.loads(good(run("chat", "Say hello", "--json", "--model", SANDBOXED)))
    assert whole["choices"][0]["message"]["content"]
    assert run("chat", "x", "--model", "none/such").exit_code == 1
    assert run("chat", input="").exit_code == 2


def test_keys(run):
    made = good(run("keys", "create", "script", "--model", SANDBOXED, "--strategy", "cost")).strip()
    row = ApiKey.objects.get(name="script")
    assert made.startswith(row.prefix) and (row.allowed_models, row.default_strategy) == ([SANDBOXED], "cost")
    assert "script" in good(run("keys", "list"))
    assert good(run("keys", "rotate", "script", "--overlap-hours", "1")).strip() != made
    assert run("keys", "revoke", "script", input="n\n").exit_code == 1
    good(run("keys", "revoke", "script", "--yes"))
    assert json.loads(good(run("keys", "list", "--json")))[0]["name"] == "production"
    assert "script" in good(run("keys", "list", "--all"))
    assert run("keys", "revoke", "nobody", "--yes").exit_code == 2


def logged_at(acme, name, at):
    RequestLog.objects.create(
        request_id=name,
        tenant=acme.tenant,
        api_key=acme.row,
        received_at=at,
        status="ok",
        http_status=200,
        model=SANDBOXED,
        provider="openai",
        query_type="math",
        strategy="auto",
        duration_ms=120,
    )


def test_usage_and_requests(run, acme):
    now = timezone.now()
    for n in range(3):
        logged_at(acme, f"req_{n}", now - timezone.timedelta(hours=n + 1))
    rebuild()
    told = good(run("usage", "--since", "2d"))
    assert SANDBOXED in told and "all" in told
    assert json.loads(good(run("usage", "--json", "--by", "strategy")))["groups"][0]["name"] == "auto"
    lines = good(run("requests", "-n", "2")).splitlines()
    assert [line.split()[-1] for line in lines] == ["req_1", "req_0"]
    assert [json.loads(line)["request_id"] for line in good(run("requests", "--json", "--since", "2h")).splitlines()] == ["req_0"]
    assert run("usage", "--since", "whenever").exit_code == 2


def test_requests_are_followed(run, acme, monkeypatch):
    monkeypatch.setattr(managing, "EVERY_S", 0.05)
    seen = []
    monkeypatch.setattr(managing, "_line", lambda one: seen.append(one["request_id"]) or _stop(seen))

    def _stop(seen):
        if "req_later" in seen:
            raise KeyboardInterrupt

    logged_at(acme, "req_before", timezone.now())

    def later():
        time.sleep(0.5)
        logged_at(acme, "req_later", timezone.now())

    writer = threading.Thread(target=later)
    writer.start()
    result = run("requests", "--follow")
    writer.join()
    assert seen == ["req_before", "req_later"] and result.exit_code == 130


def test_replays(run):
    assert "no automatic decisions" in good(run("replay", "--strategy", "cost"))
    assert json.loads(good(run("replay", "--strategy", "cost", "--json")))["exact"]["requests"] == 0
    assert run("replay", "--strategy", "none-such").exit_code in (0, 1)


def test_a_server_that_is_away(run, monkeypatch):
    monkeypatch.setenv("ROUTEPLEX_URL", "http://127.0.0.1:9")
    told = run("models")
    assert told.exit_code == 3 and "cannot be reached" in told.stderr


def test_nothing_secret_is_printed_when_it_is_refused(run, monkeypatch):
    monkeypatch.setenv("ROUTEPLEX_MANAGEMENT_KEY", run.key[:-1] + "0")
    told = run("keys", "list")
    assert told.exit_code == 4 and run.key[:20] not in told.output
