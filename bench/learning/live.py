"""`python -m bench.learning.live`: how fast does the product lean away from a model that is bad at one tenant's work, and at
nobody else's?

The whole product on embedded parts (`python -m dev`): gateway, recorder, worker with beat. The sandbox plays three models that
cost the same and are believed to be as good; one of them is made worse for what only the first tenant asks about. Both tenants
send the same kind of questions and give thumbs on half of the answers by what stands in them. Printed: the share of the traffic
that each model had, by tenant and round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.processes import KEPT, ROOT
from dev.processes import free_port
from sandbox.answers import POOR

MODELS = ("one", "two", "three")
BAD = "two"
SUBJECT = "the Zollverein invoice format"  # what only the first tenant asks about
TENANTS = {"asks about it": SUBJECT, "does not": "the usual invoice format"}
ROUND, EVERY_S, FEEDBACK = 60, 6.0, 0.5

_MODEL = """
[[providers.works.models]]
name = "{name}"
context_tokens = 128000
max_output_tokens = 4096
quality = 0.7
ttft_ms = 300
output_tokens_per_s = 100
prices = [{{ starts = 2024-01-01, input = "1", output = "2" }}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.learning.live", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="routeplex-learning-") as name, _product(Path(name)) as (url, sandbox, env):
        keys = _keys(env)
        fault = {"kind": "poor", "model": BAD, "about": SUBJECT}
        httpx.put(f"{sandbox}/control/faults", json=fault).raise_for_status()
        print(f"| requests | {' | '.join(f'{tenant}: {model}' for tenant in keys for model in MODELS)} |")
        print(f"|---|{'---|' * (len(keys) * len(MODELS))}")
        for done in range(rounds):
            shares = [_round(url, keys[tenant], TENANTS[tenant], seed=done) for tenant in keys]
            row = " | ".join(f"{share[model]:.0%}" for share in shares for model in MODELS)
            print(f"| {done * ROUND + 1} to {(done + 1) * ROUND} | {row} |", flush=True)
            time.sleep(EVERY_S)  # for the next run of the worker


def _round(url: str, key: str, subject: str, *, seed: int) -> Mapping[str, float]:
    draw, served = random.Random(seed), Counter[str]()
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        for number in range(ROUND):
            words = f"Write a Python function that parses line {number} of round {seed} of {subject}."
            body = {"model": "routeplex-ai", "messages": [{"role": "user", "content": words}]}
            answer = client.post("/v1/chat/completions", json=body).raise_for_status()
            told = answer.json()
            served[told["model"].rpartition("/")[2]] += 1
            if draw.random() < FEEDBACK:
                thumb = "down" if POOR in told["choices"][0]["message"]["content"] else "up"
                said = {"request_id": answer.headers["x-request-id"], "thumb": thumb}
                client.post("/v1/feedback", json=said).raise_for_status()
    return {model: served[model] / ROUND for model in MODELS}


# --- the product


@contextmanager
def _product(folder: Path) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Its address, the sandbox's, and the environment of its processes."""
    port, sandbox_port = free_port(), free_port()
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    providers = f'[providers.works]\ndialect = "openai"\ndisplay_name = "Works"\nbase_url = "{sandbox}/openai/v1"\n'
    providers += 'key_setting = "WORKS_API_KEY"\n' + "".join(_MODEL.format(name=name) for name in MODELS)
    (folder / "providers.toml").write_text(providers, "utf-8")
    env = {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "VAR_DIR": str(folder),
        "PORT": str(port),
        "SANDBOX_URL": sandbox,
        "WORKS_API_KEY": "works",
        "PROVIDERS_FILE": str(folder / "providers.toml"),
        "PYTHONPATH": str(ROOT),
    }
    commands: Sequence[Sequence[str]] = (
        (sys.executable, "-m", "sandbox", "--port", str(sandbox_port), "--speed", "0"),
        (sys.executable, "-m", "dev"),
    )
    started: list[subprocess.Popen[bytes]] = []
    with (folder / "dev.out").open("wb") as out:
        try:
            started += [subprocess.Popen(command, env=env, cwd=ROOT, stdout=out, stderr=out) for command in commands]
            _wait(f"http://127.0.0.1:{port}/readyz", started[-1])
            yield f"http://127.0.0.1:{port}", sandbox, env | json.loads((folder / "secrets.json").read_text())
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise SystemExit("the product did not start")


_MAKE = """
import json, django
django.setup()
from accounts.keys import create_key
from accounts.models import Tenant
from routing.models import RoutingRules
keys = {}
for name in %r:
    tenant = Tenant.objects.create(name=name)
    RoutingRules.objects.create(tenant=tenant, allow=["works"])
    keys[name] = create_key(tenant, "bench")[1]
print(json.dumps(keys))
"""


def _keys(env: Mapping[str, str]) -> Mapping[str, str]:
    """By tenant."""
    more = {**env, "DJANGO_SETTINGS_MODULE": "gateway.settings", "ROUTEPLEX_ENV": "development"}
    made = subprocess.run([sys.executable, "-c", _MAKE % list(TENANTS)], env=more, cwd=ROOT, check=True, capture_output=True)
    keys: dict[str, Any] = json.loads(made.stdout)
    return keys


if __name__ == "__main__":
    main()
