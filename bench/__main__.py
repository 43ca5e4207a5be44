"""bin/bench: the gateway with everything on, beside a bare proxy and the upstream itself, in one run.

Rounds are interleaved: each asks every target once for every number of connections, so that whatever else the machine
does meets all of them. Closed loop throughout: a connection sends its next request when the last is answered.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from bench.load import Load, find_tools, fire
from bench.processes import PACE, ROOT, Parts, cpu_s, memory_mb
from bench.table import BUSY, Sample, Samples, Target, Workload, render
from dev.processes import say

RESULT = ROOT / "var" / "bench.json"
PART: dict[Target, str] = {"direct": "upstream", "bare": "bare", "named": "gateway", "auto": "gateway"}
VERSIONS = ("aiohttp", "uvicorn", "uvloop", "httptools", "msgspec", "channels")


def main() -> None:
    asked = _arguments()
    tools = find_tools(asked.tools)
    with tempfile.TemporaryDirectory(prefix="routeplex-bench-") as folder:
        parts = Parts(Path(folder), tools / "mock", limited=asked.limited)
        try:
            parts.start()
            say("warming up")
            list(_round(parts, tools, asked, number=0, seconds=0.3))
            samples: list[Sample] = []
            for number in range(1, asked.rounds + 1):
                say(f"round {number} of {asked.rounds}")
                samples += _round(parts, tools, asked, number=number, seconds=asked.seconds)
            memory = {name: memory_mb(parts.pid(name)) for name in ("bare", "gateway", "recorder")}
        finally:
            parts.stop()
    _report(asked, samples, memory)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure the gateway beside a bare proxy and the upstream.")
    parser.add_argument("--quick", action="store_true", help="1 and 32 connections, one second each, no paced streams")
    parser.add_argument("--seconds", type=float, help="of each run (default 2)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limited", action="store_true", help="the key and its tenant have rate limits and budgets")
    parser.add_argument("--tools", metavar="DIR", help="where mock and loadgen are")
    asked = parser.parse_args()
    asked.seconds = asked.seconds or (1.0 if asked.quick else 2.0)
    connections = (1, BUSY) if asked.quick else (1, 16, BUSY, 64)
    asked.workloads = {"whole": connections, "stream": connections} | ({} if asked.quick else {"paced": (BUSY,)})
    return asked


def _round(parts: Parts, tools: Path, asked: argparse.Namespace, *, number: int, seconds: float) -> Iterator[Sample]:
    for workload, several in asked.workloads.items():
        for connections in several:
            for target in PART:
                if (workload, target) == ("paced", "auto"):
                    continue  # automatic routing would choose a model that is not paced
                load = _load(parts, workload, target, connections, seconds)
                yield _sample(parts, tools, load, round=number, workload=workload, target=target)


def _load(parts: Parts, workload: Workload, target: Target, connections: int, seconds: float) -> Load:
    pace = PACE if workload == "paced" and PART[target] != "gateway" else ""  # the gateway knows it by the model
    return Load(
        url=f"{parts.urls[PART[target]]}{pace}/v1/chat/completions",
        key=parts.key,
        model="routeplex-ai" if target == "auto" else "paced-0" if workload == "paced" else "bench-0",
        stream=workload != "whole",
        connections=connections,
        seconds=seconds,
    )


def _sample(parts: Parts, tools: Path, load: Load, *, round: int, workload: Workload, target: Target) -> Sample:
    part = PART[target]
    before = cpu_s(parts.pid(part))
    told = fire(tools / "loadgen", load)
    after = cpu_s(parts.pid(part))
    if part == "gateway":
        parts.settle()
    counted = before is not None and after is not None and part != "upstream"
    return Sample(
        round=round,
        target=target,
        workload=workload,
        connections=load.connections,
        rps=told["rps"],
        chunks_s=told.get("events_s"),
        p50_ms=told["p50"],
        p99_ms=told["p99"],
        cpu_us=(after - before) * 1e6 / told["ok"] if counted else None,  # type: ignore[operator]  # counted says so
    )


# --- what is said of it


def _report(asked: argparse.Namespace, samples: list[Sample], memory: dict[str, float | None]) -> None:
    about = _about(asked)
    built = "" if about["python_optimized"] else ", built without optimizations"
    print(f"\n{asked.rounds} rounds of {asked.seconds:g} s a run, medians, closed loop")
    print(f"{about['cores']} cores, load {about['load']:.1f} at the end; Python {about['python']}{built}")
    print("direct: the upstream. bare: a bare proxy. named, auto: the gateway, for a named model and for routeplex-ai.\n")
    print(render(Samples(samples), memory))
    RESULT.parent.mkdir(exist_ok=True)
    result = about | {"memory_mb": memory, "samples": msgspec.to_builtins(samples)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"\nall samples: {RESULT.relative_to(ROOT)}", file=sys.stderr)


def _about(asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "at": round(time.time()),
        "seconds": asked.seconds,
        "rounds": asked.rounds,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "python_optimized": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "versions": {name: version(name) for name in VERSIONS},
    }


if __name__ == "__main__":
    main()
