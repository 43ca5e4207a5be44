"""The router's own choice among all models that can serve."""

from __future__ import annotations

from collections.abc import Sequence

from routing.draws import Field, draw
from routing.filters import DEAR, Reason, View, able, candidate, kind_of, short_enough, too_much, with_more
from routing.forecast import forecasts
from routing.refusals import NoCandidate, Refused, Unreachable
from routing.strategies import scores
from routing.types import Classification, Decision, Excluded, Forecast, Model, Question, Ranked, Seen

AUTOMATIC = "routeplex-ai"


def automatic(question: Question, classification: Classification, view: View) -> Decision:
    """Every model that can serve, in the strategy's order, and why the others cannot. Raises NoCandidate, Unreachable."""
    kind = kind_of(question, classification, view.reachable, automatic=True)
    models, excluded = short_enough(*able(view.catalog, kind, question.today), classification)
    predicted = forecasts(models, question, classification, view.weights, view.latencies, view.learned)
    if question.parts.max_cost is not None or question.parts.max_ms is not None:
        models, predicted, excluded = _within(question, models, predicted, excluded)
    if not models:
        raise _none(excluded)
    if question.budget is not None:
        models, predicted, excluded = _affordable(question.budget, models, predicted, excluded)
    score = scores(predicted, question.parts)
    order = _order(score, models, view)
    drawn = draw(Field(order, score, models, predicted), question, classification.query_type, view)
    order = _standing_in(drawn.first, order, models)
    return Decision(
        mode="routeplex-ai",
        question=question,
        seen=_seen(view, held_back=drawn.held_back),
        candidates=tuple(candidate(models[i], question, classification) for i in order[: 1 + question.max_fallbacks]),
        ranked=[Ranked(models[i].id, int(score[i] * 1e6) / 1e6, drawn.likely.get(i, 0.0), predicted[i]) for i in order],
        excluded=excluded,
        snapshot_version=view.version,
        weights_version=view.weights.version,
    )


def _seen(view: View, *, held_back: bool) -> Seen:
    return Seen(
        reachable=view.reachable,
        unusable=view.unusable,
        latencies=view.latencies,
        learned=view.learned.version if view.learned else 0,
        held_back=held_back,
    )


def _within(
    question: Question, models: Sequence[Model], predicted: Sequence[Forecast], excluded: Excluded
) -> tuple[Sequence[Model], list[Forecast], Excluded]:
    """Those that the strategy can afford."""
    pairs = list(zip(models, predicted, strict=True))
    dear = {model.id: reason for model, forecast in pairs if (reason := too_much(forecast, question.parts)) is not None}
    kept = [(model, forecast) for model, forecast in pairs if model.id not in dear]
    return [model for model, _ in kept], [forecast for _, forecast in kept], with_more(excluded, dear)


def _affordable(
    budget: int, models: Sequence[Model], predicted: list[Forecast], excluded: Excluded
) -> tuple[Sequence[Model], list[Forecast], Excluded]:
    """Those for which what is left of the budget will probably do; all of them where it will for none, because then it is
    the budget that has to say how much of an answer there can be."""
    kept = [(model, forecast) for model, forecast in zip(models, predicted, strict=True) if forecast.cost <= budget]
    if not kept or len(kept) == len(models):
        return models, predicted, excluded
    cheap = {model.id for model, _ in kept}
    dear = {model.id: Reason(DEAR) for model in models if model.id not in cheap}
    return [model for model, _ in kept], [forecast for _, forecast in kept], with_more(excluded, dear)


def _order(score: Sequence[float], models: Sequence[Model], view: View) -> list[int]:
    """Well ones before ill ones, then by score; of equals, the first in the catalogue."""
    order = sorted(range(len(models)), key=score.__getitem__, reverse=True)
    if view.unusable:
        order.sort(key=lambda i: models[i].id in view.unusable)
    return order


def _standing_in(first: int, order: list[int], models: Sequence[Model]) -> list[int]:
    """The first; behind it the best of another provider, for what fails is often all that one provider has; then the rest."""
    order.remove(first)
    other = next((i for i in order if models[i].provider != models[first].provider), None)
    if other is not None:
        order.remove(other)
        order.insert(0, other)
    return [first, *order]


def _none(excluded: Excluded) -> Refused:
    if all(reason.startswith("no credential") for reason in excluded):
        return Unreachable("No provider has a credential here. Ask the operator for one.")
    most = sorted(excluded.items(), key=lambda item: -len(item[1]))[:4]
    told = "; ".join(f"{reason} ({len(models)})" for reason, models in most)
    details = {"excluded": [(model, reason) for reason, models in excluded.items() for model in models]}
    return NoCandidate(f"No model can serve this request: {told}.", details=details)
