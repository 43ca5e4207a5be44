"""What do outcomes make us believe of the models, for one tenant's own work? Pure: observations in, beliefs out.

Four layers, each drawn to the one below it by its evidence:

    arm      (query type, model): how much better or worse than expected this model does at this work of this tenant's
    offset   of the model, over all of the tenant's work: a model that suits a tenant suits it in types not seen yet, too
    level    of all models: who is content with everything, or with nothing, tells nothing of one model against another
    prior    what everybody expects of the model at this work (routing/quality.py)

Everything fades, slowly. A model that suddenly does worse, or better, than it did is noticed by adding up its surprises
(CUSUM, either way); what was believed of it is then nearly forgotten, and its last answers count for most.

Source of the method: hierarchical Thompson sampling with discounting and change detection. Constants were chosen on simulated
tenants other than those that judge (docs/learning.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from msgspec import Struct, field

from routing.learned import variance

PRIOR_WORTH = 12.0  # observations of an arm that the prior is worth
OFFSET_WORTH = 8.0  # observations of a model that the level is worth
LEVEL_WORTH = 4.0  # models, all well known, that "no level" is worth
KEPT = 0.999  # of all evidence, with each observation of the tenant's
SLACK = 0.6  # of a surprise, in standard deviations, that is no sign of a change
ALARM = 8.0  # sum of the surprises beyond the slack at which it is one for the worse
ALARM_BETTER = 16.0  # and for the better: to believe in it late costs little, to believe in luck costs more
FORGOTTEN = 0.9  # of the evidence on a model that has changed
RESTART = 12.0  # observations that its last surprises are worth then
RECENT = 0.08  # weight of the latest one among the last surprises


class Observation(Struct, frozen=True, kw_only=True):
    """One outcome. `reward` and `expected` (the prior's) are in 0..1; `weight`: how far its source is trusted, 0..1."""

    query_type: str
    model: str
    reward: float
    expected: float
    weight: float = 1.0


class Belief(Struct, frozen=True):
    """Of one model at one type of work: mean of the reward, and one standard error of it."""

    mean: float
    error: float


class Shift(Struct, frozen=True):
    """From the prior's mean; one standard error of it, in standard deviations of one reward; observations of the arm."""

    shift: float
    unsure: float
    count: float


class Evidence(Struct, array_like=True):
    """Observations, and the sum of their surprises (reward less expectation), as they were at the clock `at`."""

    count: float = 0.0
    surprise: float = 0.0
    at: float = 0.0


class Watch(Struct, array_like=True):
    """Over one model, for change: sums of surprises, downwards and upwards, and a moving average of them."""

    worse: float = 0.0
    better: float = 0.0
    lately: float = 0.0
    alarms: int = 0


class Arms(Struct, omit_defaults=True):
    """All that is believed of one tenant's work. `clock`: observations so far, by weight; fading follows it."""

    clock: float = 0.0
    cells: dict[str, dict[str, Evidence]] = field(default_factory=dict)  # by query type, then model
    offsets: dict[str, Evidence] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)


def belief(arms: Arms, query_type: str, model: str, expected: float) -> Belief:
    """`expected`: the prior's mean."""
    found = shifted(arms, query_type, model)
    mean = expected + found.shift
    return Belief(mean, found.unsure * sqrt(variance(mean)))


def shifted(arms: Arms, query_type: str | None, model: str) -> Shift:
    """None: in work of a type that is new."""
    cells = arms.cells.get(query_type, _NO_CELLS) if query_type is not None else _NO_CELLS
    count, surprise = faded(cells.get(model), arms.clock)
    of_model, offset = faded(arms.offsets.get(model), arms.clock)
    of_model, worth = of_model + OFFSET_WORTH, count + PRIOR_WORTH
    drawn_to = PRIOR_WORTH / worth
    offset += OFFSET_WORTH * level(arms)
    return Shift(surprise / worth + drawn_to * offset / of_model, sqrt(1 / worth + drawn_to**2 / of_model), count)


def level(arms: Arms) -> float:
    """By how much the models do better than expected, on the whole."""
    known, sum_ = LEVEL_WORTH, 0.0
    for evidence in arms.offsets.values():
        count, surprise = faded(evidence, arms.clock)
        known += count / (count + OFFSET_WORTH)
        sum_ += surprise / (count + OFFSET_WORTH)
    return sum_ / known


def faded(evidence: Evidence | None, clock: float) -> tuple[float, float]:
    """Count and sum of surprises, now."""
    if evidence is None:
        return 0.0, 0.0
    kept = KEPT ** (clock - evidence.at)
    return evidence.count * kept, evidence.surprise * kept


def update(arms: Arms, seen: Observation) -> None:
    """Moves the arm, the model's offset and its watch; everything else fades a little."""
    before = belief(arms, seen.query_type, seen.model, seen.expected)
    surprise = seen.reward - seen.expected
    watch = arms.watches.setdefault(seen.model, Watch())
    watch.lately += RECENT * seen.weight * (surprise - watch.lately)
    if _changed(watch, (seen.reward - before.mean) / sqrt(variance(before.mean)), seen.weight):
        _forget(arms, seen.model, watch)
    arms.clock += seen.weight
    add(arms, seen.query_type, seen.model, seen.weight, seen.weight * surprise)


def add(arms: Arms, query_type: str, model: str, count: float, surprise: float) -> None:
    """Evidence as of now."""
    cell = arms.cells.setdefault(query_type, {}).setdefault(model, Evidence())
    for evidence in (cell, arms.offsets.setdefault(model, Evidence())):
        had, sum_ = faded(evidence, arms.clock)
        evidence.count, evidence.surprise, evidence.at = had + count, sum_ + surprise, arms.clock


_NO_CELLS: Mapping[str, Evidence] = {}
_UNWATCHED = Watch()


def _changed(watch: Watch, deviation: float, weight: float) -> bool:
    """`deviation`: of the reward from what was believed, in standard deviations."""
    watch.worse = max(0.0, watch.worse + weight * (-deviation - SLACK))
    watch.better = max(0.0, watch.better + weight * (deviation - SLACK))
    return watch.worse > ALARM or watch.better > ALARM_BETTER


def taken_back(arms: Arms, query_type: str, model: str, *, count: float, surprise: float, alarms: int) -> None:
    """What is left of evidence that had this size after its own update, when there had been so many alarms."""
    since = arms.watches.get(model, _UNWATCHED).alarms - alarms
    left = (1 - FORGOTTEN) ** since
    for evidence, part in ((arms.cells.get(query_type, {}).get(model), left), (arms.offsets.get(model), float(since == 0))):
        if evidence is not None:
            had, sum_ = faded(evidence, arms.clock)
            evidence.count, evidence.at = max(0.0, had - part * count), arms.clock
            evidence.surprise = sum_ - part * surprise if evidence.count else 0.0


def _forget(arms: Arms, model: str, watch: Watch) -> None:
    for cells in arms.cells.values():
        if (cell := cells.get(model)) is not None:
            cell.count *= 1 - FORGOTTEN
            cell.surprise *= 1 - FORGOTTEN
    arms.offsets[model] = Evidence(RESTART, RESTART * watch.lately, arms.clock)
    watch.worse = watch.better = 0.0
    watch.alarms += 1
