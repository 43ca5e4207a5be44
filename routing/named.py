"""A model that the caller names comes first; behind it stand those that would do most nearly as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from routing.catalog import Catalog
from routing.filters import Kind, View, able, candidate, kind_of, too_long, unfit
from routing.forecast import forecasts
from routing.refusals import UnknownModel, Unreachable, Unsupported
from routing.types import Classification, Decision, Model, Question, Ranked, Seen


def named_first(question: Question, classification: Classification, view: View) -> Decision:
    """Of the others only as many as may be tried: well ones before ill ones, other providers before its own, the nearest
    in quality first. Raises UnknownModel, Unsupported, Unreachable."""
    named = _named(question, view.catalog)
    kind = kind_of(question, classification, view.reachable, automatic=False)
    _insist(named, classification, kind, view.catalog, question.today)
    behind = _standing_in(named, question, classification, view) if question.max_fallbacks else ()
    chosen = [*([] if named.drained else [named]), *behind]
    if not chosen:
        raise Unreachable(f"{named.id} takes no new requests at the moment. Name another model, or allow fallbacks.")
    predicted = forecasts(chosen, question, classification, view.weights, view.latencies, view.learned)
    return Decision(
        mode="manual",
        question=question,
        seen=_seen(chosen, view),
        candidates=tuple(candidate(model, question, classification) for model in chosen),
        ranked=[Ranked(model.id, 0.0, float(model is chosen[0]), f) for model, f in zip(chosen, predicted, strict=True)],
        excluded={"drained by the operator": [named.id]} if named.drained else {},
        snapshot_version=view.version,
        weights_version=view.weights.version,
    )


def _seen(models: Sequence[Model], view: View) -> Seen:
    """Of these models only: the rest was not looked at, or is remembered with its cause."""
    latencies = {model.id: view.latencies[model.id] for model in models if model.id in view.latencies}
    learned = view.learned.version if view.learned else 0
    return Seen(reachable=view.reachable, unusable=view.unusable, latencies=latencies, learned=learned)


def _standing_in(named: Model, question: Question, classification: Classification, view: View) -> Sequence[Model]:
    kind = kind_of(question, classification, view.reachable, automatic=True)
    near = _neighbours(view.catalog, kind, question.today, named.id)
    fit = (model for model in near if too_long(model, classification) is None)
    well, ill = _split(fit, view, question.max_fallbacks)
    return (well + ill)[: question.max_fallbacks]


@lru_cache(4096)
def _neighbours(catalog: Catalog, kind: Kind, today: date, named: str) -> Sequence[Model]:
    """All other models that can serve, those first that would do most nearly as well."""
    models, _ = able(catalog, kind, today)
    to = catalog.models[named]
    others = [model for model in models if model.id != named]
    return sorted(others, key=lambda m: (m.provider == to.provider, abs(m.quality - to.quality), m.id))


def _split(models: Iterable[Model], view: View, enough: int) -> tuple[list[Model], list[Model]]:
    well: list[Model] = []
    ill: list[Model] = []
    for model in models:
        (ill if model.id in view.unusable else well).append(model)
        if len(well) == enough:
            break
    return well, ill


def _named(question: Question, catalog: Catalog) -> Model:
    model = catalog.find(question.model)
    if model is None:
        near = catalog.suggestions(question.model)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownModel(f"No model is called {question.model!r}.{hint} GET /v1/models lists all.", param="model")
    if question.allowed_models and model.id not in question.allowed_models:
        raise UnknownModel(f"This API key may not use {model.id}.", param="model")
    return model


def _insist(model: Model, classification: Classification, kind: Kind, catalog: Catalog, today: date) -> None:
    """A named model must be able to do what was asked; the answer names the parameter."""
    reason = unfit(model, catalog, kind, today) or too_long(model, classification)
    if reason is None or reason.kind == "drained":  # as if it failed: others stand in
        return
    if reason.kind == "credential":
        raise Unreachable(f"{model.id} cannot be reached: {reason.text}. Ask the operator for one.")
    if reason.kind == "rule":
        raise UnknownModel(f"{model.id} may not be used here: {reason.text}.", param="model")
    raise Unsupported(f"{model.id} {reason.text}.", param=reason.param)
