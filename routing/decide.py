"""Who should answer, and in what order?

    decide    from a request to a decision
    choose    from a question to a decision: the same question, classification and view give the same one, years later too

Left to the router (routing/automatic.py): hard filters, each with its reason; what is predicted of the models that are left;
the strategy's order; a draw among those that come out as good as the first. A named model (routing/named.py) comes first
whatever the strategy says, and the rest stand behind it.
"""

from __future__ import annotations

import zlib
from datetime import date

from msgspec.structs import replace

from routing.automatic import AUTOMATIC, automatic
from routing.filters import View
from routing.named import named_first
from routing.refusals import UnknownStrategy
from routing.rules import Parts, Rules, Strategy
from routing.strategies import STRATEGIES, TRADEOFF
from routing.types import Caller, ChatRequest, Classification, Decision, Incumbent, Question


def decide(
    request: ChatRequest,
    classification: Classification,
    view: View,
    caller: Caller,
    today: date,
    incumbent: Incumbent | None = None,
    budget: int | None = None,
    lot: float = 1.0,
) -> Decision:
    """Raises UnknownModel, UnknownStrategy, Unsupported, NoCandidate, Unreachable: each says what to do about it."""
    drawn = lot if view.learned is not None and view.learned.held_back else 1.0
    asked = question(request, classification, caller, today, incumbent, budget, drawn)
    return choose(asked if view.draws else replace(asked, draws=False), classification, view)


def choose(question: Question, classification: Classification, view: View) -> Decision:
    """Raises what `decide` does."""
    return (automatic if question.model == AUTOMATIC else named_first)(question, classification, view)


# --- what is asked


def question(
    request: ChatRequest,
    classification: Classification,
    caller: Caller,
    today: date,
    incumbent: Incumbent | None,
    budget: int | None = None,
    lot: float = 1.0,
) -> Question:
    """Raises UnknownStrategy."""
    wishes = request.preferences
    strategy = wishes.strategy or (Strategy.AUTO.value if wishes.tradeoff is not None else caller.strategy) or Strategy.AUTO.value
    tradeoff = wishes.tradeoff if wishes.tradeoff is not None else caller.tradeoff
    return Question(
        model=request.body.model,
        strategy=strategy,
        parts=_parts(strategy, classification, tradeoff, wishes.tradeoff is not None, caller),
        tradeoff=(TRADEOFF if tradeoff is None else tradeoff) if strategy == Strategy.AUTO else None,
        draws=wishes.draws and caller.draws,
        drop_unsupported=wishes.drop_unsupported,
        reasoning_effort=request.body.reasoning_effort,
        max_fallbacks=wishes.max_fallbacks if caller.max_fallbacks is None else min(wishes.max_fallbacks, caller.max_fallbacks),
        budget=budget,
        lot=lot,
        allowed_models=caller.allowed_models,
        rules=_rules(request, caller),
        incumbent=incumbent,
        today=today,
        seed=zlib.crc32(request.request_id.encode()),
    )


def _rules(request: ChatRequest, caller: Caller) -> Rules:
    """The tenant's, and where the router chooses, the request's own wish for no premium model."""
    if request.preferences.premium or request.body.model != AUTOMATIC:
        return caller.rules
    return replace(caller.rules, premium=False)


def _parts(name: str, classification: Classification, tradeoff: float | None, asked_tradeoff: bool, caller: Caller) -> Parts:
    if asked_tradeoff and name != Strategy.AUTO:
        raise UnknownStrategy(
            f"A tradeoff goes with the strategy auto, not with {name}: leave out one of the two headers.",
            param="X-RoutePlex-Tradeoff",
        )
    if (own := caller.strategies.get(name)) is not None:
        return own
    if (built_in := STRATEGIES.get(name)) is None:
        known = ", ".join([*STRATEGIES, *sorted(caller.strategies)])
        raise UnknownStrategy(f"There is no strategy {name!r}. There are: {known}.", param="X-RoutePlex-Strategy")
    return built_in(classification, TRADEOFF if tradeoff is None else tradeoff)
