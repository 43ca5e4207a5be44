"""What does an answer cost? The rates in force on a day for a request of a size, and the cost of its tokens at them.

All in whole pico-dollars, so that sums are exact and `cost` needs no rounding.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from routing.types import Model, Price, Rates, Usage


def rates_for(model: Model, *, on: date, input_tokens: int, service: str | None = None) -> Rates:
    """The rates of the last price that has started; before the first one, the first one's. A tier holds above its
    threshold, not at it, and then prices the whole request, as Anthropic, Google and OpenAI bill long contexts."""
    price = in_force(model, on, service)
    rates = price.rates
    for above, dearer in price.tiers:
        if input_tokens <= above:
            break
        rates = dearer
    return rates


def cost(usage: Usage, rates: Rates) -> int:
    """Pico-dollars. Reasoning tokens are output like any other; a kind without a rate of its own is billed as plain."""
    return _input_cost(usage, rates) + _output_cost(usage, rates)


@lru_cache(4096)
def in_force(model: Model, on: date, service: str | None = None) -> Price:
    """The last price that has started; before the first one, the first one. A service tier without prices of its own costs
    what the default one does."""
    prices = model.services.get(service or "", model.prices)
    started = prices[0]
    for price in prices[1:]:
        if price.starts > on:
            break
        started = price
    return started


def _input_cost(usage: Usage, rates: Rates) -> int:
    """The parts add up to the total, whatever a provider says: what they claim beyond it is nobody's."""
    left = max(usage.input_tokens, 0)
    total = 0
    long = min(max(usage.cache_write_1h_tokens, 0), max(usage.cache_write_tokens, 0))
    for tokens, rate in (
        (usage.cached_input_tokens, rates.cached_input),
        (long, rates.cache_write if rates.cache_write_1h is None else rates.cache_write_1h),
        (usage.cache_write_tokens - long, rates.cache_write),
        (usage.input_audio_tokens, rates.input_audio),
    ):
        part = min(max(tokens, 0), left)
        total += part * (rates.input if rate is None else rate)
        left -= part
    return total + left * rates.input


def _output_cost(usage: Usage, rates: Rates) -> int:
    total = max(usage.output_tokens, 0)
    audio = min(max(usage.output_audio_tokens, 0), total)
    return audio * (rates.output if rates.output_audio is None else rates.output_audio) + (total - audio) * rates.output
