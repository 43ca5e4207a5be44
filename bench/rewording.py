"""Does another wording of the same request change the choice? `python -m bench.rewording`

For every pair of rewordings.toml and every strategy: whether both are sent to the same model (nothing drawn), and if not,
whether the second wording's choice is as good in the first one's eyes, or what it gives in quality for which price.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

import django
from msgspec import Struct

django.setup()

from gateway.wire import openai as wire  # noqa: E402
from routing.automatic import AUTOMATIC  # noqa: E402
from routing.classify import classify  # noqa: E402
from routing.decide import choose, question  # noqa: E402
from routing.decisions import RecordedView  # noqa: E402
from routing.draws import TIE_BAND  # noqa: E402
from routing.quality import prior  # noqa: E402
from routing.snapshot import catalog  # noqa: E402
from routing.strategies import STRATEGIES  # noqa: E402
from routing.types import Caller, Ranked, Seen  # noqa: E402

PAIRS = Path(__file__).with_name("rewordings.toml")
CALLER = Caller(tenant_id="bench", key_id="bench", key_prefix="", test=True, draws=False)


def main() -> None:
    pairs = tomllib.loads(PAIRS.read_text("utf-8"))["pairs"]
    print(f"{len(pairs)} pairs, {len(catalog().models)} models\n")
    print(f"{'strategy':12}{'same model':>12}{'as good':>10}{'else: quality':>16}{'and price, times':>18}")
    for strategy in STRATEGIES:
        changes = [change for pair in pairs if (change := _change(pair[0], pair[1], strategy)) is not None]
        others = [change for change in changes if not change.as_good]
        quality = fmean(change.quality for change in others) if others else 0.0
        price = fmean(change.price for change in others) if others else 1.0
        shares = 1 - len(changes) / len(pairs), (len(changes) - len(others)) / len(pairs)
        print(f"{strategy:12}{shares[0]:>12.0%}{shares[1]:>10.0%}{quality:>+16.3f}{price:>18.2f}")


class Change(Struct, frozen=True):
    """What the second wording's choice is to the first one's, seen with the first one's eyes."""

    as_good: bool  # within the tie band of its score, or of its quality at no higher price
    quality: float  # more or less
    price: float  # times


def _change(first: str, second: str, strategy: str) -> Change | None:
    """None where both wordings choose the same model."""
    ours, theirs = _ranked(first, strategy), _ranked(second, strategy)
    chosen, other = ours[0], next(ranked for ranked in ours if ranked.model == theirs[0].model)
    if chosen is other:
        return None
    quality, price = other.forecast.quality - chosen.forecast.quality, other.forecast.cost / chosen.forecast.cost
    near = chosen.score - other.score <= TIE_BAND or (abs(quality) <= TIE_BAND and price <= 1)
    return Change(near, quality, price)


def _ranked(text: str, strategy: str) -> Sequence[Ranked]:
    body = json.dumps({"model": AUTOMATIC, "messages": [{"role": "user", "content": text}]}).encode()
    request = wire.parse(body, {b"x-routeplex-strategy": strategy.encode()}, "req_bench")
    known, classification = catalog(), classify(request)
    view = RecordedView(
        version=known.version, weights=prior(known), catalog=known, seen=Seen(reachable=frozenset(known.providers))
    )
    return choose(question(request, classification, CALLER, datetime.now(UTC).date(), None), classification, view).ranked


if __name__ == "__main__":
    main()
