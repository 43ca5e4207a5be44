"""Who can serve this request, and why can the others not? The hard filters, in the order in which they are told.

What depends on the caller and on the kind of request alone is the same for many requests: it is found once and remembered.
What depends on this request's size or on what is predicted of it is looked at each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Protocol

from msgspec import Struct

from routing.catalog import Catalog
from routing.learned import Learned
from routing.prices import in_force
from routing.quality import Weights
from routing.rules import Parts, Rules
from routing.types import Ability, Candidate, Classification, Excluded, Forecast, Latency, Model, Question

# What may be left out without breaking the answer's form, where the caller says so.
DROPPABLE: frozenset[Ability] = frozenset(
    {"seed", "temperature", "top_p", "top_k", "penalties", "logit_bias", "verbosity", "reasoning_effort", "parallel_tool_calls"}
)
REMEMBERED = 4096  # kinds of request
DEAR = "would cost more than is left of the budget"


class View(Protocol):
    """What a decision looks at: routing.snapshot.Snapshot is one."""

    @property
    def version(self) -> str: ...
    @property
    def weights(self) -> Weights: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def reachable(self) -> frozenset[str]: ...
    @property
    def unusable(self) -> frozenset[str]: ...
    @property
    def latencies(self) -> Mapping[str, Latency]: ...
    @property
    def learned(self) -> Learned | None: ...
    @property
    def draws(self) -> bool: ...


class Reason(Struct, frozen=True):
    """Why a model cannot serve, and the caller's parameter that says so."""

    text: str
    param: str | None = None
    kind: str = "ability"  # "credential": nobody can reach it; "drained": nobody should; "rule": somebody forbids it


class Kind(Struct, frozen=True, kw_only=True):
    """What requests have in common for which the same models come into question."""

    reachable: frozenset[str]
    allowed_models: frozenset[str]
    rules: tuple[Rules, ...]
    needs: tuple[tuple[Ability, str], ...]
    drop_unsupported: bool
    reasoning_effort: str | None
    automatic: bool


def kind_of(question: Question, classification: Classification, reachable: frozenset[str], *, automatic: bool) -> Kind:
    return Kind(
        reachable=reachable,
        allowed_models=question.allowed_models,
        rules=(question.rules, question.parts.rules),
        needs=tuple(classification.needs.items()),
        drop_unsupported=question.drop_unsupported,
        reasoning_effort=question.reasoning_effort,
        automatic=automatic,
    )


@lru_cache(REMEMBERED)
def able(catalog: Catalog, kind: Kind, today: date) -> tuple[Sequence[Model], Excluded]:
    """The models that may and can, and why the others may or can not. The day counts because prices have dates."""
    found: list[Model] = []
    excluded: dict[str, list[str]] = {}
    for model in catalog.models.values():
        reason = unfit(model, catalog, kind, today)
        if reason is None:
            found.append(model)
        else:
            excluded.setdefault(reason.text, []).append(model.id)
    return found, excluded


def unfit(model: Model, catalog: Catalog, kind: Kind, today: date) -> Reason | None:
    """Why this model cannot serve this kind of request; None where it can."""
    if model.provider not in kind.reachable:
        return Reason(f"no credential for {model.provider}", None, "credential")
    if model.drained:
        return Reason("drained by the operator", None, "drained")
    if kind.allowed_models and model.id not in kind.allowed_models:
        return Reason("not allowed for this key", None, "rule")
    for rules in kind.rules:
        if (forbidden := _forbidden(model, rules, today)) is not None:
            return Reason(forbidden, None, "rule")
    if model.deprecated and kind.automatic:
        return Reason("deprecated")
    for ability, param in kind.needs:
        if ability not in model.abilities and not (kind.drop_unsupported and ability in DROPPABLE):
            return Reason(f"cannot do {ability} (asked by {param})", param)
    return _unfit_by_quirk(model, catalog, kind) if model.quirks else None


def _forbidden(model: Model, rules: Rules, today: date) -> str | None:
    names = {model.id, model.provider}
    if rules.allow and names.isdisjoint(rules.allow):
        return "not on the tenant's list of allowed models"
    if not names.isdisjoint(rules.deny):
        return "on the tenant's list of denied models"
    if model.tier == "premium" and not rules.premium:
        return "premium models are off for this tenant"
    if rules.regions and not (model.regions and rules.regions.issuperset(model.regions)):
        where = " and ".join(model.regions) if model.regions else "an unknown region"
        return f"processes data in {where}, the tenant allows {' and '.join(sorted(rules.regions))}"
    return _too_dear(model, rules, today)


def _too_dear(model: Model, rules: Rules, today: date) -> str | None:
    rates = in_force(model, today).rates
    for name, most in (("input", rules.max_input_price), ("output", rules.max_output_price)):
        rate = getattr(rates, name)
        if most is not None and rate > most:
            return f"costs {rate / 1e6:g} USD per million tokens of {name}, the tenant's ceiling is {most / 1e6:g}"
    return None


def _unfit_by_quirk(model: Model, catalog: Catalog, kind: Kind) -> Reason | None:
    """What the head of catalog.toml says of `only_with`, `efforts` and `tools_effort`."""
    needed = {ability for ability, _ in kind.needs}
    if (only := model.quirks.get("only_with")) and needed.isdisjoint(only):
        return Reason(f"takes only requests that need {' or '.join(only)}", "messages")
    effort = kind.reasoning_effort
    if effort is None or "reasoning_effort" not in model.abilities:
        return None
    if catalog.providers[model.provider].dialect == "openai":  # the others have words of their own
        efforts = model.quirks.get("efforts", ())
        if efforts and effort not in efforts:
            return Reason(f"thinks with effort {', '.join(efforts)}, not {effort}", "reasoning_effort")
    with_tools = model.quirks.get("tools_effort", effort)
    if effort != with_tools and "tools" in needed:
        return Reason(f"takes tools with effort {with_tools} only", "reasoning_effort")
    return None


# --- what depends on this very request


def short_enough(models: Sequence[Model], excluded: Excluded, classification: Classification) -> tuple[Sequence[Model], Excluded]:
    """Those into which this request fits; mostly all of them."""
    reasons = {model.id: reason for model in models if (reason := too_long(model, classification)) is not None}
    if not reasons:
        return models, excluded
    return [model for model in models if model.id not in reasons], with_more(excluded, reasons)


def with_more(excluded: Excluded, reasons: Mapping[str, Reason]) -> Excluded:
    """`reasons` by model, added to what was excluded before."""
    all_of_them = {text: list(models) for text, models in excluded.items()}
    for model_id, reason in reasons.items():
        all_of_them.setdefault(reason.text, []).append(model_id)
    return all_of_them


def too_long(model: Model, classification: Classification) -> Reason | None:
    limit = classification.max_output_tokens or 0
    if classification.input_tokens + limit > model.context_tokens:
        return Reason(f"takes {model.context_tokens} tokens of input and output together, fewer than asked", "messages")
    if limit > model.max_output_tokens:
        return Reason(f"answers with at most {model.max_output_tokens} tokens", "max_tokens")
    return None


def too_much(forecast: Forecast, parts: Parts) -> Reason | None:
    """Why the strategy passes over a model of which this is predicted."""
    if parts.max_cost is not None and forecast.cost > parts.max_cost:
        return Reason(f"would cost about {forecast.cost / 1e12:.6f} USD, the strategy allows {parts.max_cost / 1e12:.6f}")
    if parts.max_ms is not None and forecast.ms > parts.max_ms:
        return Reason(f"would take about {forecast.ms} ms, the strategy allows {parts.max_ms}")
    return None


def candidate(model: Model, question: Question, classification: Classification) -> Candidate:
    if not question.drop_unsupported:
        return Candidate(model=model)
    return Candidate(model=model, ignored=tuple(_ignored(model, classification.needs)))


def _ignored(model: Model, needs: Mapping[Ability, str]) -> Iterable[str]:
    """The parameters that are left out for this model."""
    for ability, param in needs.items():
        if ability not in model.abilities:
            yield from _PARAMETERS.get(ability, (param,))


# Abilities that more than one parameter asks for: all of them are left out.
_PARAMETERS: Mapping[Ability, tuple[str, ...]] = {"penalties": ("frequency_penalty", "presence_penalty")}
