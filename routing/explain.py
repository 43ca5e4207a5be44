"""Why this model? A decision in the form that the API answers with, its margin in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from routing.automatic import AUTOMATIC
from routing.classify import families
from routing.decisions import DecisionRecord
from routing.draws import TIE_BAND
from routing.learned import Known, Learned
from routing.query_types import QUERY_TYPES
from routing.strategies import TOO_PLAIN, scores
from routing.types import PICO_PER_USD, Classification, Forecast, Ranked

HALVINGS = 30  # of the interval in which a margin lies: finer than what is told


def explanation(record: DecisionRecord, classification: Classification, learned: Learned | None = None) -> dict[str, Any]:
    """The answer of POST /api/v1/route. Quality and complexity are in 0..1, money in USD, time in milliseconds. `learned`: what
    the decision knew of the tenant's own work."""
    own = learned.of(classification.query_type) if learned is not None else {}
    question = record.question
    return {
        "mode": record.mode,
        "model": record.ranked[0].model,
        "classification": _classified(classification),
        "strategy": question.strategy,
        "tradeoff": question.tradeoff,
        "candidates": [_candidate(ranked, record, own.get(ranked.model)) for ranked in record.ranked],
        "excluded": [{"model": m, "reason": reason} for reason, models in record.excluded.items() for m in models],
        "margin": margin(record),
        "propensity": {ranked.model: ranked.propensity for ranked in record.ranked},
        "seed": question.seed,
        "weights_version": record.weights_version,
        "learned_version": record.seen.learned,
        "held_back": record.seen.held_back,
        "snapshot_version": record.snapshot_version,
    }


def _classified(classification: Classification) -> dict[str, Any]:
    by_family = families(classification.posterior)
    return {
        "query_type": classification.query_type,
        "family": QUERY_TYPES[classification.query_type],
        "posterior": {family: round(share, 4) for family, share in by_family.items()},
        "complexity": classification.complexity,
        "needs": {
            "abilities": dict(classification.needs),
            "input_tokens": classification.input_tokens,
            "max_output_tokens": classification.max_output_tokens,
        },
    }


def _candidate(ranked: Ranked, record: DecisionRecord, known: Known | None) -> dict[str, Any]:
    return {
        "model": ranked.model,
        "provider": ranked.model.partition("/")[0],
        "predicted_quality": ranked.forecast.quality,
        "quality_error": ranked.forecast.error,
        "predicted_output_tokens": ranked.forecast.output_tokens,
        "predicted_cost_usd": ranked.forecast.cost / PICO_PER_USD,
        "predicted_latency_ms": ranked.forecast.ms,
        "score": ranked.score,
        "propensity": ranked.propensity,
        "reasons": list(_reasons(ranked, record, known)),
    }


def _reasons(ranked: Ranked, record: DecisionRecord, known: Known | None) -> Sequence[str]:
    if record.mode == "manual":
        return ["named by the caller" if ranked is record.ranked[0] else "stands in for it: near it in quality"]
    told = [_place(ranked, record)]
    if known is not None:
        told.append(f"quality {known.shift:+.3f} by what was learned of your own work")
    if ranked.model in record.seen.unusable:
        told.append("passed over while it recovers")
    measured = ranked.model in record.seen.latencies
    told.append("time as measured lately" if measured else "time from the catalogue: not measured lately")
    return told


def _place(ranked: Ranked, record: DecisionRecord) -> str:
    best = max(c.score for c in record.ranked)
    if ranked is record.ranked[0]:
        return _why_first(ranked, record)
    if ranked.score < TOO_PLAIN / 2:
        return f"below {record.question.parts.keeps:.0%} of the best predicted quality"
    return f"{best - ranked.score:.3f} behind the best score" if ranked.score < best else "the best score"


def _why_first(first: Ranked, record: DecisionRecord) -> str:
    question, likely = record.question, [c for c in record.ranked if c.propensity > 0]
    best = max([c.score for c in likely], default=first.score)
    tied = sum(c.score >= best - TIE_BAND for c in likely)
    if record.seen.held_back:
        return "your baseline: this conversation is one of those that show what routing saves"
    if question.incumbent is not None and question.incumbent.model == first.model:
        return "answered this conversation before: its provider may have it in its cache"
    if first.score < best - TIE_BAND:
        return f"tried, with a chance of {first.propensity:.1%}, to learn whether it is better than is believed"
    return f"drawn among {tied} that come within {TIE_BAND} of the best score" if tied > 1 else "the best score"


# --- the margin


def margin(record: DecisionRecord) -> dict[str, Any] | None:
    """What would have to differ for the runner-up to have the best score; None where nobody was compared."""
    well = [c for c in record.ranked if c.model not in record.seen.unusable]
    if record.question.model != AUTOMATIC or len(well) < 2:
        return None
    winner, runner_up = sorted(well, key=lambda c: -c.score)[:2]
    others = [c for c in well if c is not runner_up]
    changes = [told for change in (_cheaper, _better, _faster) if (told := change(runner_up, others, record))]
    told = f"{runner_up.model} is {winner.score - runner_up.score:.4f} behind {winner.model}"
    wins = f". It would come first with {', or '.join(changes)}." if changes else ", and no single difference would change that."
    return {"runner_up": runner_up.model, "behind": round(winner.score - runner_up.score, 6), "in_words": told + wins}


def _cheaper(ranked: Ranked, others: Sequence[Ranked], record: DecisionRecord) -> str | None:
    share = _least_change(
        lambda share: replace(ranked.forecast, cost=max(1, round(ranked.forecast.cost * share))), others, record
    )
    if share is None:
        return None
    cost = ranked.forecast.cost * share / PICO_PER_USD
    return f"a predicted cost of {cost:.2g} USD instead of {ranked.forecast.cost / PICO_PER_USD:.2g} ({1 - share:.0%} less)"


def _faster(ranked: Ranked, others: Sequence[Ranked], record: DecisionRecord) -> str | None:
    share = _least_change(lambda share: replace(ranked.forecast, ms=max(1, round(ranked.forecast.ms * share))), others, record)
    return None if share is None else f"a predicted time of {ranked.forecast.ms * share:.0f} ms instead of {ranked.forecast.ms}"


def _better(ranked: Ranked, others: Sequence[Ranked], record: DecisionRecord) -> str | None:
    def with_share(share: float) -> Forecast:
        return replace(ranked.forecast, quality=1 - (1 - ranked.forecast.quality) * share)

    share = _least_change(with_share, others, record)
    return (
        None
        if share is None
        else f"a predicted quality of {1 - (1 - ranked.forecast.quality) * share:.3f} instead of {ranked.forecast.quality:.3f}"
    )


def _least_change(changed: Callable[[float], Forecast], others: Sequence[Ranked], record: DecisionRecord) -> float | None:
    """The largest share (of cost, of time, of what quality lacks to 1) that is left when the model comes first."""
    rest = [c.forecast for c in others]

    def wins(share: float) -> bool:
        own, *theirs = scores([changed(share), *rest], record.question.parts)
        return own > max(theirs)

    if not wins(0.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if wins(middle) else (low, middle)
    return low


def differences(before: DecisionRecord, after: DecisionRecord) -> Mapping[str, Any]:
    """Field -> [before, after], for those that are not the same."""
    return {
        name: [getattr(before, name), getattr(after, name)]
        for name in before.__struct_fields__
        if getattr(before, name) != getattr(after, name)
    }
