"""What does the native API cost, beside /v1? CPU of the gateway's process for a request, one caller at a time.

    python -m bench.native [--requests 400] [--tools DIR]

The upstream is bin/bench's own: whole answers, and streams of 100 chunks that it sends at once. Rounds are interleaved.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import find_tools
from bench.processes import Parts, cpu_s
from dev.processes import say

ROUNDS = 3
PATHS = ("/v1/chat/completions", "/api/v1/chat")
BODY = {"model": "bench-0", "messages": [{"role": "user", "content": "Say something about gateways."}]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.native", description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=400, help="in each round, of each kind")
    parser.add_argument("--tools", metavar="DIR", help="where mock is")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="routeplex-bench-") as folder:
        parts = Parts(Path(folder), find_tools(asked.tools) / "mock")
        try:
            parts.start()
            kinds = [(path, stream) for stream in (False, True) for path in PATHS]
            found: dict[tuple[str, bool], list[float]] = {kind: [] for kind in kinds}
            for kind in kinds:
                _cpu_ms(parts, *kind, requests=20)
            for number in range(1, ROUNDS + 1):
                say(f"round {number} of {ROUNDS}")
                for kind in kinds:
                    found[kind].append(_cpu_ms(parts, *kind, requests=asked.requests))
        finally:
            parts.stop()
    _tell(found)


def _cpu_ms(parts: Parts, path: str, stream: bool, *, requests: int) -> float:
    parts.settle()
    pid, address = parts.pid("gateway"), urlsplit(parts.urls["gateway"])
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    headers = {"authorization": f"Bearer {parts.key}", "content-type": "application/json"}
    body = json.dumps(BODY | ({"stream": True} if stream else {}))
    before = cpu_s(pid)
    for _ in range(requests):
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or (stream and not text.endswith(b"data: [DONE]\n\n")):
            raise SystemExit(f"bench: {path} answered {answer.status}: {text[-300:]!r}")
    after = cpu_s(pid)
    connection.close()
    if before is None or after is None:
        raise SystemExit("bench: there is no /proc here, so that a process's CPU cannot be read.")
    return (after - before) * 1e3 / requests


def _tell(found: Mapping[tuple[str, bool], list[float]]) -> None:
    print("\nCPU of the gateway's process for a request, ms: the median of the rounds (lowest to highest)")
    for (path, stream), several in found.items():
        kind = "stream of 100 chunks" if stream else "whole answer"
        print(f"{kind:22}{path:24}{statistics.median(several):6.2f}  ({min(several):.2f} to {max(several):.2f})")


if __name__ == "__main__":
    main()
