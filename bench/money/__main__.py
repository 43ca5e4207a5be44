"""`python -m bench.money`: nothing overrun, nothing lost, with real processes.

Four gateway processes, 200 callers at once, budgets that run out in the middle (a tenant's, a key's, one in tokens); a gateway
is killed, Redis is killed and comes back empty, PostgreSQL crashes and recovers. At the end the budgets, the ledger, the rows,
the sandbox's own bills and the answers that callers got are held against each other. Exit code 1 where they do not agree.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bench.money.books import findings
from bench.money.callers import Callers
from bench.money.parts import Parts
from dev.processes import say

GATEWAYS, CALLERS = 4, 200
LEAST_USED = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.money", description=__doc__)
    parser.add_argument("--short", action="store_true", help="smaller budgets: about a third of the requests")
    parser.add_argument("--within", type=float, default=900, help="seconds; then callers stop and the books are closed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="routeplex-money-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        parts = Parts(folder, gateways=GATEWAYS)
        try:
            ok = _run(parts, scale=1 if args.short else 3, within_s=args.within)
        finally:
            parts.stop()
    sys.exit(0 if ok else 1)


def _run(parts: Parts, *, scale: int, within_s: float) -> bool:
    parts.start_stores()
    os.environ.update(parts.environment)
    import django
    from django.db import connection

    django.setup()
    keys = _tenants(scale)
    parts.start_gateways()
    callers = Callers(parts.gateways, keys, seed=1)
    asking = threading.Thread(target=lambda: asyncio.run(callers.run(CALLERS, within_s)))
    say(f"{CALLERS} callers ask until their budgets are used up")
    began = time.monotonic()
    asking.start()
    _trouble(parts, callers, scale * 150)  # not in the other thread: parts end with the thread that started them
    asking.join()
    took = time.monotonic() - began
    parts.stop_gateways()
    with urllib.request.urlopen(f"{parts.sandbox}/control/bills") as answer:
        bills = [tuple(bill) for bill in json.load(answer)]
    print(f"{sum(callers.counts.values())} requests in {took:.0f} s: {dict(sorted(callers.counts.items()))}")
    connection.close()  # the one from before the crash
    found = list(findings(bills, callers.ended, least_used=LEAST_USED))
    for finding in found:
        print("ok   " if finding.good else "WRONG", finding.text)
    return all(finding.good for finding in found)


def _tenants(scale: int) -> list[str]:
    """Keys: two of a tenant with a budget of its own that is tighter than theirs together, one of a tenant that counts tokens."""
    from django.utils import timezone

    from accounts.keys import create_key
    from accounts.models import Budget, Tenant

    long_ago = timezone.now() - timedelta(days=400)
    dollars, tokens = Tenant.objects.create(name="Dollars", time_zone="Europe/Berlin"), Tenant.objects.create(name="Tokens")
    first, token_1 = create_key(dollars, "first")
    _, token_2 = create_key(dollars, "second")
    _, token_3 = create_key(tokens, "third")
    budgets = [
        Budget(tenant=dollars, period="month", unit="usd", amount=2 * scale, created_at=long_ago),
        Budget(tenant=dollars, api_key=first, period="day", unit="usd", amount=scale * Decimal("0.1"), created_at=long_ago),
        Budget(tenant=tokens, period="day", unit="tokens", amount=80_000 * scale, created_at=long_ago),
    ]
    Budget.objects.bulk_create(budgets)
    return [token_1, token_2, token_3]


def _trouble(parts: Parts, callers: Callers, apart: int) -> None:
    """One thing after the other, so many answers apart."""
    troubles: list[Callable[[], None]] = [parts.kill_a_gateway, parts.restart_redis, parts.restart_postgres]
    for number, trouble in enumerate(troubles, 1):
        while len(callers.ended) < number * apart and not callers.stop:
            time.sleep(0.05)
        trouble()


if __name__ == "__main__":
    main()
