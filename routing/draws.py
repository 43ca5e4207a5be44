"""Who comes first? Most of the time the best; now and then another one, so that outcomes can teach; always with a probability
that is known and kept.

    tied        come as near to the best as makes no difference: each as likely
    explored    may well be better than is believed: seldom (routing/explore.py)
    held back   a share of the tenant's conversations stays on its baseline, so that what routing saves can be measured
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from routing.explore import explored
from routing.filters import View
from routing.types import Forecast, Model, Question

TIE_BAND = 0.01  # of a strategy's score: what comes this near to the first may be drawn instead of it
MOST_DRAWN = 5  # models that may be drawn among


class Field(Struct, frozen=True):
    """The candidates: `order` of their places, best first; the rest by place."""

    order: Sequence[int]
    scores: Sequence[float]
    models: Sequence[Model]
    forecasts: Sequence[Forecast]


class Drawn(Struct, frozen=True):
    first: int
    likely: Mapping[int, float]  # how likely each was to come first, over all conversations
    held_back: bool = False


def draw(field: Field, question: Question, query_type: str, view: View) -> Drawn:
    """With the same seed and the same lot it comes out the same."""
    tied = _tied(field, question, view)
    likely = _stays(tied, field, question) or _likely(tied, field, question, query_type, view)
    baseline = _baseline(field, question, view)
    if baseline is None or view.learned is None:
        return Drawn(_first(likely, question.seed), likely)
    share = view.learned.held_back
    mixed = {i: p * (1 - share) for i, p in likely.items()}
    mixed[baseline] = mixed.get(baseline, 0.0) + share
    if question.lot < share:
        return Drawn(baseline, mixed, held_back=True)
    return Drawn(_first(likely, question.seed), mixed)


def _tied(field: Field, question: Question, view: View) -> Sequence[int]:
    """The first, and those that come so near to it that they may be drawn instead."""
    first = field.order[0]
    if not (question.draws and question.parts.draws):
        return [first]
    least, well = field.scores[first] - TIE_BAND, field.models[first].id not in view.unusable
    near = (i for i in field.order[:MOST_DRAWN] if field.scores[i] >= least)
    return [i for i in near if (field.models[i].id not in view.unusable) == well]


def _stays(tied: Sequence[int], field: Field, question: Question) -> dict[int, float] | None:
    """A conversation stays with the model that has it in its cache."""
    if question.incumbent is None:
        return None
    return next(({i: 1.0} for i in tied if field.models[i].id == question.incumbent.model), None)


def _likely(tied: Sequence[int], field: Field, question: Question, query_type: str, view: View) -> dict[int, float]:
    tried: dict[int, float] = {}
    if question.incumbent is None and _may_explore(question, query_type, view) and view.learned is not None:
        qualities = {model.id: forecast.quality for model, forecast in zip(field.models, field.forecasts, strict=True)}
        errors = view.learned.errors(query_type, qualities)
        found = explored(field.forecasts, errors, field.order[0], question.parts, view.learned.explores)
        tried = {i: p for i, p in found.items() if i not in tied and field.models[i].id not in view.unusable}
    left = 1 - sum(tried.values())
    return dict.fromkeys(tied, left / len(tied)) | tried


def _may_explore(question: Question, query_type: str, view: View) -> bool:
    """Where neither the caller nor the strategy says no, in work that is not new to the tenant."""
    learned = view.learned
    return learned is not None and question.draws and question.parts.draws and learned.may_explore(query_type)


def _baseline(field: Field, question: Question, view: View) -> int | None:
    """Where it could serve, and the caller lets draw."""
    learned = view.learned
    if learned is None or not learned.held_back or not (question.draws and question.parts.draws):
        return None
    well = (i for i, model in enumerate(field.models) if model.id == learned.baseline and model.id not in view.unusable)
    return next(well, None)


def _first(likely: Mapping[int, float], seed: int) -> int:
    """`seed`: 32 bits."""
    among = list(likely)
    if len(set(likely.values())) == 1:
        return among[seed % len(among)]
    left = seed / 2**32
    for i in among:
        left -= likely[i]
        if left < 0:
            return i
    return among[0]
