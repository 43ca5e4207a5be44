"""What is an outcome worth? Pure. Never its length, never how it looks.

Two questions, kept apart, because the answers to one of them are many and say little of the other:

    quality       was it a good answer? Only feedback tells
    reliability   was it an answer at all, in the form that was asked for? Every request tells

A signal is an entry of SIGNALS: how far it is trusted, and how its value is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from routing.types import Attempt

# Attempts that end like this tell of their model; the rest tells of credentials, limits, the caller, or of us.
FAILURES = frozenset({"timeout", "connect", "overloaded", "server", "protocol"})
RELIABLE = 0.97  # expected share of attempts that bring an answer
IN_FORM = 0.95  # and of answers that have the form that was asked for
PLAIN_WEIGHT = 0.25  # an answer that nobody has checked tells little
CUT_OFF = 0.5  # reward of an answer that was too long for its model


class Signal(Struct, frozen=True):
    """`weight`: 0..1, how far it is trusted."""

    weight: float
    meaning: str


SIGNALS: Mapping[str, Signal] = {
    "metric": Signal(1.0, "a result that was verified, by its name"),
    "score": Signal(1.0, "a score from 0 to 1"),
    "rating": Signal(0.9, "stars, from 1 to 5"),
    "thumb": Signal(0.8, "up or down"),
    "judge": Signal(0.4, "a model's opinion, where the tenant wants one"),
    "repeated": Signal(0.2, "the same was asked again at once"),
    "reworded": Signal(0.2, "the last question was put in other words"),
}
IMPLICIT = frozenset({"repeated", "reworded"})


class Reward(Struct, frozen=True):
    """All in 0..1. `expected`: of any model, where the prior of this one does not say."""

    value: float
    weight: float
    expected: float = 0.0


def of_attempt(attempt: Attempt, *, served: bool, limited: bool) -> Reward | None:
    """How reliable its model was. `served`: the answer came from it; `limited`: the caller has set a limit of its own."""
    if attempt.error is not None:
        return Reward(0.0, PLAIN_WEIGHT, RELIABLE) if attempt.error in FAILURES else None
    if not served:
        return None
    if attempt.in_form is not None:
        return Reward(float(attempt.in_form), 1.0, IN_FORM)
    if attempt.finish == "content_filter":
        return Reward(0.0, PLAIN_WEIGHT, RELIABLE)
    if attempt.finish == "length":
        return None if limited else Reward(CUT_OFF, PLAIN_WEIGHT, RELIABLE)
    return Reward(1.0, PLAIN_WEIGHT, RELIABLE)


def of_signals(signals: Sequence[tuple[str, float]], power: Mapping[str, float]) -> Reward | None:
    """What all that was said of one request comes to: one vote, trusted as far as the best of its signals is. `signals`:
    name (`metric:x` is a metric) and value 0..1; `power`: of the implicit ones, 0..1, how far they foretell explicit ones."""
    weighed = [(_weight(name, power), value) for name, value in signals]
    total = sum(weight for weight, _ in weighed)
    if not total:
        return None
    return Reward(sum(weight * value for weight, value in weighed) / total, max(weight for weight, _ in weighed))


def _weight(name: str, power: Mapping[str, float]) -> float:
    kind = name.partition(":")[0]
    weight = SIGNALS[kind].weight
    return weight * power.get(kind, 0.0) if kind in IMPLICIT else weight
