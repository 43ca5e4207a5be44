# ruff: noqa: E402  # models can be imported only after django.setup()
"""What do budgets add to a request, in microseconds of the gateway's one thread? `python -m bench.holding`

From the question what is left to the charge, with full purses: the usual case. (Near the end of a budget a request waits for
the database; `bench.money` is about that.)
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

import django
import msgspec

django.setup()

from gateway import budgets
from gateway.budgets import Budgets
from gateway.holding import Holding
from gateway.tally import Tally
from gateway.wire.openai import parse
from routing.snapshot import catalog
from routing.types import Attempt, Caller, ChatRequest, Model, SpendLimit, Usage

REQUESTS, ROUNDS = 20_000, 5
BODY = {"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": "What is a ledger? " * 10}]}


async def main() -> None:
    request, model = parse(msgspec.json.encode(BODY), {}, "req_1"), next(iter(catalog().models.values()))
    for number in (0, 1, 2, 4):
        limits = [SpendLimit(id=str(n), owner="tenant", period="day", unit="usd", size=10**15) for n in range(number)]
        budgets.use(_filled(limits))
        caller = Caller(tenant_id="t", key_id="k", key_prefix="p", test=False, budgets=tuple(limits))
        took = [await _microseconds(caller, model, request) for _ in range(ROUNDS)]
        print(f"{number} budgets: {min(took):5.1f} µs")


async def _microseconds(caller: Caller, model: Model, request: ChatRequest) -> float:
    now, began = time.time(), time.perf_counter()
    for _ in range(REQUESTS):
        tally = Tally(request_id="r", caller=caller, received_at=now, started=0.0)
        budgets.left_of(caller, now)
        held = Holding(model, request, tally)
        if caller.budgets:
            await held.reserve()
        held.began(Attempt(number=1, model="m", provider="p", started_ms=0, usage=Usage(output_tokens=10), cost=1000))
        held.charge()
    return (time.perf_counter() - began) / REQUESTS * 1e6


def _filled(limits: Sequence[SpendLimit]) -> Budgets:
    """A process that needs no database."""
    process = Budgets("bench", Path(tempfile.gettempdir()))
    process._heard_at = time.monotonic()
    for limit in limits:
        window = process._window(limit, time.time())
        window.hold, window.size, window.purse.granted = 1, limit.size, 10**14
    return process


if __name__ == "__main__":
    asyncio.run(main())
