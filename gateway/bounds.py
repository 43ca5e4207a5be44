"""What can this attempt cost at most? An upper bound of its input, and for each token of its output. Pure.

Tokens are pieces of bytes: no text has more of them than bytes. What else a provider counts (framing, tools it describes in
its own words, pictures) has allowances; what cannot be told from here (files, sound, films, pages that the provider fetches)
counts as all that the model can read. Nothing here knows a budget.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from msgspec import Struct

from routing.chat import ChatBody, ImagePart, RefusalPart, TextPart
from routing.prices import in_force
from routing.types import ChatRequest, Model, Rates, Unit

FRAMING_TOKENS = 64  # of a request
MESSAGE_TOKENS = 16  # of each of its messages
TOOLS_TOKENS = 1024  # what a provider says of tools in general
IMAGE_TOKENS = 50_000  # the dearest way in which anybody counts one
LEAST_OUTPUT = 16  # with fewer tokens than that, there is no answer
HIDDEN = frozenset({"thinking", "reasoning_effort", "audio_output", "web_search"})  # output that cannot be seen as it comes


class Line(Struct, frozen=True):
    """base + each * output tokens, in pico-dollars or tokens."""

    base: int
    each: int

    def of(self, output_tokens: int) -> int:
        return self.base + self.each * output_tokens

    def affords(self, amount: int) -> int | None:
        """Output tokens for so much, negative where not even the input fits; None: any number."""
        if self.each:
            return (amount - self.base) // self.each
        return None if amount >= self.base else -1


class Bound(Struct, frozen=True, kw_only=True):
    """Of one request at one model."""

    usd: Line
    tokens: Line
    output: int  # tokens at most, of all choices together
    choices: int
    least: int  # tokens without which it is not worth asking
    metered: bool  # its output can be watched as it comes, and extended meanwhile

    def line(self, unit: Unit) -> Line:
        return self.usd if unit == "usd" else self.tokens


def bound_of(model: Model, request: ChatRequest, on: date) -> Bound:
    """At the prices of that day."""
    body = request.body
    asked = min(_input(body, request.size), model.context_tokens)
    choices = body.n or 1
    limit = min(body.output_limit or model.max_output_tokens, model.context_tokens)
    for above, input_rate, output_rate in _rates(model, on, body.service_tier):
        if asked > above:
            usd = Line(asked * input_rate, output_rate)
    return Bound(
        usd=usd,
        tokens=Line(asked, 1),
        output=limit * choices,
        choices=choices,
        least=min(limit, LEAST_OUTPUT + _thinking(body)) * choices,
        metered=request.stream and choices == 1 and model.abilities.isdisjoint(HIDDEN),
    )


def _input(body: ChatBody, size: int) -> int:
    """Tokens; `size` is the request's in bytes."""
    if body.web_search_options is not None:
        return 2**62
    tokens = size + FRAMING_TOKENS + MESSAGE_TOKENS * len(body.messages)
    if body.tools or body.functions:
        tokens += TOOLS_TOKENS
    for message in body.messages:
        if isinstance(message.content, list):
            for part in message.content:
                if isinstance(part, ImagePart):
                    tokens += IMAGE_TOKENS - len(part.image_url.url)
                elif not isinstance(part, TextPart | RefusalPart):
                    return 2**62
    return tokens


def _thinking(body: ChatBody) -> int:
    """Tokens that the caller sets aside for thought: an output limit must be above that."""
    budget = (body.thinking or {}).get("budget_tokens")
    return budget if isinstance(budget, int) and budget > 0 else 0


@lru_cache(4096)
def _rates(model: Model, on: date, service: str | None) -> tuple[tuple[int, int, int], ...]:
    """(above so many input tokens, of input, of output): the dearest that may come to hold. The input may turn out to be
    shorter than we fear, so a tier is never cheaper than those below it; and who asks for a service tier may be served in the
    default one."""
    prices = (in_force(model, on), in_force(model, on, service))
    rows: list[tuple[int, int, int]] = []
    for above, r in sorted(((above, r) for p in prices for above, r in ((-1, p.rates), *p.tiers)), key=_threshold):
        asked = max(r.input, r.cached_input or 0, r.cache_write or 0, r.cache_write_1h or 0, r.input_audio or 0)
        answered = max(r.output, r.output_audio or 0)
        _, before, before_out = rows[-1] if rows else (0, 0, 0)
        rows.append((above, max(asked, before), max(answered, before_out)))
    return tuple(rows)


def _threshold(tier: tuple[int, Rates]) -> int:
    return tier[0]
