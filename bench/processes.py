"""What runs while we measure, and what does it use? An upstream, the bare proxy, the gateway and its recorder.

Everything has its own ports, its own database and its own environment: nothing of the developer's, least of all a
provider's key, reaches what is measured.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from dev.__main__ import valkey
from dev.processes import Part, Supervisor, free_port, say

ROOT = Path(__file__).resolve().parent.parent
CHUNKS = 100  # of content in each stream
PACE = "/d0i2000"  # the upstream's path for two milliseconds between chunks
MODELS = 40  # that automatic routing can choose from, beside those of the catalogue
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")  # of our own environment
SETTLED_S = 0.3  # the recorder has caught up when it has been idle for so long

_PROVIDER = """
[providers.{name}]
dialect = "openai"
display_name = "{name}"
base_url = "{url}/v1"
"""
_MODEL = """
[[providers.{provider}.models]]
name = "{provider}-{n}"
context_tokens = 128000
max_output_tokens = 16384
quality = {quality}
ttft_ms = {ttft_ms}
output_tokens_per_s = {speed}
prices = [{{ starts = 2024-01-01, input = "{price}", output = "{price}" }}]
"""


class Parts:
    """Started by `start`, stopped by `stop`; the state lives in `folder`, which is the caller's to remove."""

    def __init__(self, folder: Path, mock: Path, *, limited: bool = False) -> None:
        self.folder, self.mock, self.limited = folder, mock, limited
        self.supervisor = Supervisor()
        self.parts: dict[str, Part] = {}
        self.urls: dict[str, str] = {}
        self.key = ""

    def start(self) -> None:
        upstream = self._listening("upstream", str(self.mock), "-chunks", str(CHUNKS), "-addr", address="127.0.0.1:{port}")
        self._listening("bare", sys.executable, "-m", "bench.bare", "--upstream", upstream, "--port")
        (self.folder / "providers.toml").write_text(providers(upstream), "utf-8")
        say("preparing a database and a key")
        for command in (("migrate", "--verbosity", "0"), ("demo",)):
            subprocess.run([sys.executable, "manage.py", *command], env=self._env(), cwd=ROOT, check=True)
        self.key = json.loads((self.folder / "demo.json").read_text("utf-8"))["api_key"]
        if self.limited:
            self._limit()
        self._start("recorder", [sys.executable, "manage.py", "recorder"])
        self._listening("gateway", sys.executable, "-m", "gateway.serve", "--port")

    def _limit(self) -> None:
        """Rates of the tenant and of its key, and a budget for each: none of which is ever reached."""
        port = free_port()
        self._start("valkey", [*valkey(port, self.folder)], port)
        self.urls["valkey"] = f"redis://127.0.0.1:{port}/0"
        of_key = ("--key", self.key[:16])
        rates = ("--requests-per-minute", "100000000", "--tokens-per-minute", "2000000000", "--running", "100000")
        budget = ("set_budget", "Demo", "1000000")
        for command in [("set_limit", "Demo", *rates), ("set_limit", "Demo", *rates, *of_key), budget, (*budget, *of_key)]:
            subprocess.run([sys.executable, "manage.py", *command], env=self._env(), cwd=ROOT, check=True, capture_output=True)

    def stop(self) -> None:
        self.supervisor.stop_all()

    def settle(self) -> None:
        """Waits until the recorder has caught up, so that what follows is not measured beside its work."""
        recorder = self.pid("recorder")
        before = cpu_s(recorder)
        while before is not None:
            time.sleep(SETTLED_S)
            now = cpu_s(recorder)
            if now is None or now - before < SETTLED_S / 10:
                return
            before = now

    def pid(self, name: str) -> int:
        process = self.parts[name].process
        assert process is not None, "start() comes first"
        return process.pid

    def _listening(self, name: str, *command: str, address: str = "{port}") -> str:
        port = free_port()
        self._start(name, [*command, address.format(port=port)], port)
        self.urls[name] = f"http://127.0.0.1:{port}"
        return self.urls[name]

    def _start(self, name: str, command: list[str], port: int | None = None) -> None:
        part = self.parts[name] = Part(name, command, self._env(), self.folder / f"{name}.log")
        self.supervisor.start(part, ready=lambda: port is None or listens(port), within_s=60)

    def _env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        ours = {
            "DJANGO_SETTINGS_MODULE": "gateway.settings",
            "VAR_DIR": str(self.folder),
            "PROVIDERS_FILE": str(self.folder / "providers.toml"),
            "PYTHONPATH": str(ROOT),
        }
        openai = {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"{self.urls['upstream']}/v1"} if self.urls else {}
        redis = {"REDIS_URL": self.urls["valkey"]} if "valkey" in self.urls else {}
        return kept | ours | openai | redis


def providers(upstream: str) -> str:
    """A providers file: MODELS models at the upstream, each with a quality, a speed and a price of its own, and one that
    answers at a measured pace, which automatic routing leaves alone."""
    models = [
        _MODEL.format(provider="bench", n=n, quality=(30 + n) / 100, ttft_ms=200 + 10 * n, speed=150 - n, price=(1 + n) / 10)
        for n in range(MODELS)
    ]
    paced = _MODEL.format(provider="paced", n=0, quality=0.5, ttft_ms=200, speed=50, price=1) + "deprecated = true\n"
    ours = _PROVIDER.format(name="bench", url=upstream) + "".join(models)
    return ours + _PROVIDER.format(name="paced", url=upstream + PACE) + paced


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- what a process uses; None where there is no /proc


def cpu_s(pid: int) -> float | None:
    """Seconds of CPU since its start, in its own code and in the kernel's."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)
