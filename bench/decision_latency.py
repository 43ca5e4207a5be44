"""What does a decision cost? `python -m bench.decision_latency`: microseconds of CPU in this process, classification and choice.
With `--learned`, of a tenant of whom all is known that can be known, and who explores.

Every fifth natural prompt of the training data, each read once (nothing of it is in a cache), over every model of the catalogue.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

import django

django.setup()

from msgspec.structs import replace  # noqa: E402

from gateway.wire import openai as wire  # noqa: E402
from routing.automatic import AUTOMATIC  # noqa: E402
from routing.catalog import Catalog  # noqa: E402
from routing.classify import classify  # noqa: E402
from routing.decide import choose, question  # noqa: E402
from routing.decisions import RecordedView  # noqa: E402
from routing.learned import Known, Learned  # noqa: E402
from routing.quality import prior  # noqa: E402
from routing.query_types import QUERY_TYPES  # noqa: E402
from routing.snapshot import catalog  # noqa: E402
from routing.training.rows import rows  # noqa: E402
from routing.types import Caller, ChatRequest, Seen  # noqa: E402

CALLER = Caller(tenant_id="bench", key_id="bench", key_prefix="", test=True, draws=True)
EVERY = 5
WARM = 100  # prompts that are not counted


def main() -> None:
    texts = [row.prompt.text for row in rows() if row.kind == "natural"][::EVERY]
    known = catalog()
    seen = Seen(reachable=frozenset(known.providers))
    view = RecordedView(version=known.version, weights=prior(known), catalog=known, seen=seen)
    if "--learned" in sys.argv:
        view = replace(view, learned=_learned(known))
    gc.collect()
    gc.freeze()  # as in the gateway
    took = [_once(_request(text), view) for text in texts][WARM:]
    print(f"{len(took)} prompts, {len(known.models)} models\n\n| | p50 µs | p99 µs |\n|---|---|---|")
    for name, times in (
        ("classify", [read for read, _ in took]),
        ("choose", [chosen for _, chosen in took]),
        ("both", [sum(both) for both in took]),
    ):
        print(f"| {name} | {_share(times, 50)} | {_share(times, 99)} |")


def _learned(known: Catalog) -> Learned:
    """Something of every model at every type of work, and exploring."""
    models = {model: Known(0.01 * (n % 7 - 3), 0.3, 20.0, 1.1) for n, model in enumerate(known.models)}
    return Learned(version=1, types=dict.fromkeys(QUERY_TYPES, models), models=models, explores=0.1)


def _request(text: str) -> ChatRequest:
    body = json.dumps({"model": AUTOMATIC, "messages": [{"role": "user", "content": text}]}).encode()
    return wire.parse(body, {}, "req_bench")


def _once(request: ChatRequest, view: RecordedView) -> tuple[float, float]:
    """Microseconds of reading it, and of choosing."""
    today = datetime.now(UTC).date()
    began = time.thread_time_ns()
    classification = classify(request)
    read = time.thread_time_ns()
    choose(question(request, classification, CALLER, today, None), classification, view)
    return (read - began) / 1000, (time.thread_time_ns() - read) / 1000


def _share(times: Sequence[float], percent: int) -> str:
    return f"{sorted(times)[len(times) * percent // 100]:.0f}"


if __name__ == "__main__":
    main()
