"""What the documentation says to run is run, as it stands, against the running product."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import _free_port

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = ("guides.md", "operations.md", "sandbox.md")  # tests of their own


def blocks(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(python|sh)\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.M | re.S)


BLOCKS = [
    pytest.param(language, code, id=f"{path.name}-{number}")
    for path in sorted((ROOT / "docs").glob("*.md"))
    if path.name not in ELSEWHERE
    for number, (language, code) in enumerate(blocks(path.name), 1)
]


@pytest.fixture
def reader(server, acme, recorder):
    """What somebody who reads has in their environment."""
    from accounts.keys import create_key
    from accounts.management_keys import create
    from accounts.scopes import TENANT_SCOPES

    _, key = create_key(acme.tenant, "a reader's", test=True)
    _, managing = create(acme.tenant, acme.alice, "a reader's", role="owner", scopes=TENANT_SCOPES)
    body = {"model": "routeplex-ai", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    asked = httpx.post(f"{server}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)
    while recorder.step():
        pass
    return {
        "ROUTEPLEX_URL": server,
        "ROUTEPLEX_BASE_URL": f"{server}/v1",
        "ROUTEPLEX_API_KEY": key,
        "ROUTEPLEX_MANAGEMENT_KEY": managing,
        "REQUEST_ID": asked.headers["x-request-id"],
    }


def run(language: str, code: str, env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """With `routeplex` and `manage.py` on the PATH."""
    for name, command in (("routeplex", "-m cli"), ("manage.py", f"'{ROOT}/manage.py'")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        (folder / name).chmod(0o755)
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-c", code] if language == "python" else ["sh", "-euc", code]
    whole = {**os.environ, **env, "PATH": path}
    return subprocess.run(command, env=whole, capture_output=True, text=True, timeout=120, cwd=ROOT)


@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_it_runs(reader, language, code, tmp_path):
    done = run(language, code, reader, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() or "assert" in code or "feedback" in code


def test_there_is_something_to_run():
    assert len(BLOCKS) >= 12


def test_what_an_operator_types_runs(tmp_path):
    (tmp_path / "var").mkdir()
    env = {
        "ROUTEPLEX_ENV": "production",
        "VAR_DIR": str(tmp_path / "var"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "ALLOWED_HOSTS": "gateway.example.com",
        "PUBLIC_URL": "https://gateway.example.com",
        **{name: f"{name} of a test".ljust(50, ".") for name in ("SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY")},
    }
    install, budgets = [code for language, code in blocks("operations.md") if language == "sh"]
    done = run("sh", install, env, tmp_path)
    assert done.returncode == 0, done.stderr
    prefix = re.search(r"rp_live_\w{8}", done.stdout)[0]
    done = run("sh", budgets.replace("rp_live_AbCdEfGh", prefix), env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "500" in done.stdout


def test_the_sandbox_is_started_and_given_a_fault(tmp_path):
    start, fault = [code for language, code in blocks("sandbox.md") if language == "sh"]
    port = str(_free_port())
    with started(start.replace("8100", port).split("#")[0], port):
        done = run("sh", fault.replace("8100", port), {}, tmp_path)
        assert done.returncode == 0, done.stderr
        key = {"authorization": "Bearer sk-any"}
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
        asked = [
            httpx.post(f"http://127.0.0.1:{port}/openai/v1/chat/completions", json=body, headers=key, timeout=30)
            for _ in range(3)
        ]
        assert [answer.status_code for answer in asked] == [503, 503, 200]


@contextmanager
def started(command: str, port: str):
    process = subprocess.Popen([sys.executable, *command.split()[1:]], cwd=ROOT)
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                httpx.get(f"http://127.0.0.1:{port}/control/faults")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)
