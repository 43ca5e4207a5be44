"""How are candidates ordered? A strategy is made of parts (routing/rules.py); what it promises is its docstring.

One function each, from the prompt and the slider to the parts; `scores` is the same for all of them and for those that a
tenant makes. docs/routing.md prints the promises and says where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log10

from routing.rules import Parts, Strategy
from routing.types import Classification, Forecast

COST_KEEPS = 0.95  # `cost`: of the best predicted quality
SPEED_KEEPS = 0.97  # `speed`: likewise
EVEN = 1e-4  # a weight too small to outdo a difference in quality: among equals the cheaper, then the faster
TOO_PLAIN = -100.0  # added below the floor of `keeps`: those come last, the best of them first

# The slider of `auto`: how much quality (0..1) a tenfold price must buy, at each whole number from 0 to 10.
PRICE_OF_TENFOLD = (0.15, 0.1, 0.068, 0.045, 0.03, 0.02, 0.013, 0.008, 0.004, 0.0015, 0.0)
TRADEOFF = 5.0  # where nobody says otherwise
PRICE_OF_WAITING = 0.4  # of the price of money: how much quality a tenfold wait must buy

StrategyFunction = Callable[[Classification, float], Parts]
STRATEGIES: dict[str, StrategyFunction] = {}


def strategy(name: Strategy) -> Callable[[StrategyFunction], StrategyFunction]:
    def register(function: StrategyFunction) -> StrategyFunction:
        STRATEGIES[name.value] = function
        return function

    return register


@strategy(Strategy.QUALITY)
def quality(classification: Classification, tradeoff: float) -> Parts:
    """The best predicted quality; of models within one standard error of it, the cheapest. Nothing is drawn at random."""
    return Parts(cost=EVEN, latency=EVEN / 10, ties=1.0, draws=False)


@strategy(Strategy.COST)
def cost(classification: Classification, tradeoff: float) -> Parts:
    """The cheapest model that keeps 95 % of the best predicted quality."""
    return Parts(quality=EVEN, cost=1.0, latency=EVEN, keeps=COST_KEEPS)


@strategy(Strategy.SPEED)
def speed(classification: Classification, tradeoff: float) -> Parts:
    """The fastest model that keeps 97 % of the best predicted quality."""
    return Parts(quality=EVEN, cost=EVEN, latency=1.0, keeps=SPEED_KEEPS)


@strategy(Strategy.BALANCED)
def balanced(classification: Classification, tradeoff: float) -> Parts:
    """Fixed weights, whatever the prompt: a tenfold price must buy 3 points of quality in a hundred, a tenfold wait 2."""
    return Parts(cost=0.03, latency=0.02)


@strategy(Strategy.AUTO)
def auto(classification: Classification, tradeoff: float) -> Parts:
    """Adapts to the prompt: what a tenfold price must buy follows the slider, half as much for the hardest prompts and half
    as much again for the easiest; a wait weighs less than money, and less again for work that is long anyway."""
    ease = 1.5 - classification.complexity
    price = price_of_tenfold(tradeoff) * ease
    return Parts(cost=price + EVEN, latency=price * PRICE_OF_WAITING * ease + EVEN / 10)


def price_of_tenfold(tradeoff: float) -> float:
    """Between the whole numbers of the slider, straight lines. Clamped to 0..10."""
    at = min(10.0, max(0.0, tradeoff))
    below = min(9, int(at))
    low, high = PRICE_OF_TENFOLD[below], PRICE_OF_TENFOLD[below + 1]
    return low + (high - low) * (at - below)


def promises() -> Mapping[str, str]:
    """Each strategy's own sentence."""
    return {name: " ".join((function.__doc__ or "").split()) for name, function in STRATEGIES.items()}


def scores(forecasts: Sequence[Forecast], parts: Parts) -> list[float]:
    """One for each, higher is better; below `keeps`, TOO_PLAIN lower."""
    floor = parts.keeps * max(f.quality for f in forecasts)
    return [
        score if f.quality >= floor else TOO_PLAIN + f.quality
        for f, score in zip(forecasts, plain_scores(forecasts, parts), strict=True)
    ]


def plain_scores(forecasts: Sequence[Forecast], parts: Parts) -> list[float]:
    """What they would be if all of them kept enough quality."""
    best = max(forecasts, key=lambda f: f.quality)
    top, equal = best.quality, best.quality - parts.ties * best.error
    per_quality, per_cost, per_wait = parts.quality, parts.cost, parts.latency
    return [
        per_quality * (top if f.quality >= equal else f.quality) - per_cost * log10(f.cost or 1) - per_wait * log10(f.ms or 1)
        for f in forecasts
    ]
