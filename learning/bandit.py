"""What do outcomes make us believe of the models, for one tenant's own work? Pure: observations in, beliefs out.

Three levels, each drawn to the one below it by its evidence:

    arm      (query type, model): how much better or worse than expected this model does at this work of this tenant's
    offset   of the model, over all of the tenant's work: a model that suits a tenant suits it in types not seen yet, too
    prior    what everybody expects of the model at this work (routing/quality.py)

Everything fades, slowly. A model that suddenly does worse, or better, than it did is noticed by adding up its surprises
(CUSUM, either way); what was believed of it is then nearly forgotten, and its last answers count for most.

Source of the method: hierarchical Thompson sampling with discounting and change detection. Constants were chosen on simulated
tenants other than those that judge (docs/learning.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from msgspec import Struct

VARIANCE = 0.12  # of one reward around its mean: between that of coin tosses (0.25) and of answers that are nearly all good
PRIOR_WORTH = 20.0  # observations of an arm that the prior is worth
OFFSET_WORTH = 8.0  # observations of a model that "no offset" is worth
KEPT = 0.999  # of all evidence, with each observation of the tenant's
SPREAD = 0.4  # of what is drawn, in standard errors: less than 1, for most of the uncertainty is shared by the models
WITHIN = 0.15  # of the best: models that could not come nearer are never explored
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


@dataclass(slots=True)
class Evidence:
    """Observations, and the sum of their surprises (reward less expectation). Both have faded."""

    count: float = 0.0
    surprise: float = 0.0

    def add(self, surprise: float, weight: float) -> None:
        self.count += weight
        self.surprise += weight * surprise

    def fade(self, kept: float) -> None:
        self.count *= kept
        self.surprise *= kept


@dataclass(slots=True)
class Watch:
    """Over one model, for change: sums of surprises, downwards and upwards, and a moving average of them."""

    worse: float = 0.0
    better: float = 0.0
    lately: float = 0.0
    alarms: int = 0


@dataclass(slots=True)
class Arms:
    """All that is believed of one tenant's work."""

    cells: dict[tuple[str, str], Evidence] = field(default_factory=dict)  # by query type and model
    offsets: dict[str, Evidence] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)


def belief(arms: Arms, query_type: str, model: str, expected: float) -> Belief:
    """`expected`: the prior's mean."""
    cell = arms.cells.get((query_type, model), _NOTHING)
    offset = arms.offsets.get(model, _NOTHING)
    of_model = offset.count + OFFSET_WORTH
    shift = offset.surprise / of_model
    worth = cell.count + PRIOR_WORTH
    mean = expected + (cell.surprise + PRIOR_WORTH * shift) / worth
    error = sqrt(VARIANCE / worth + VARIANCE / of_model * (PRIOR_WORTH / worth) ** 2)
    return Belief(mean, error)


def update(arms: Arms, seen: Observation) -> None:
    """Moves the arm, the model's offset and its watch; everything else fades a little."""
    before = belief(arms, seen.query_type, seen.model, seen.expected)
    surprise = seen.reward - seen.expected
    watch = arms.watches.setdefault(seen.model, Watch())
    watch.lately += RECENT * seen.weight * (surprise - watch.lately)
    if _changed(watch, (seen.reward - before.mean) / sqrt(VARIANCE), seen.weight):
        _forget(arms, seen.model, watch)
    kept = KEPT**seen.weight
    for evidence in (*arms.cells.values(), *arms.offsets.values()):
        evidence.fade(kept)
    arms.cells.setdefault((seen.query_type, seen.model), Evidence()).add(surprise, seen.weight)
    arms.offsets.setdefault(seen.model, Evidence()).add(surprise, seen.weight)


def choose(beliefs: Sequence[Belief], draws: Sequence[float]) -> int:
    """Thompson's choice: the highest of one draw from each belief, among those that might be near the best. `draws`: standard
    normal, one for each."""
    best = max(b.mean for b in beliefs)
    near = [at for at, b in enumerate(beliefs) if b.mean + b.error >= best - WITHIN]
    return max(near, key=lambda at: beliefs[at].mean + SPREAD * beliefs[at].error * draws[at])


_NOTHING: Evidence = Evidence()  # never changed


def _changed(watch: Watch, deviation: float, weight: float) -> bool:
    """`deviation`: of the reward from what was believed, in standard deviations."""
    watch.worse = max(0.0, watch.worse + weight * (-deviation - SLACK))
    watch.better = max(0.0, watch.better + weight * (deviation - SLACK))
    return watch.worse > ALARM or watch.better > ALARM_BETTER


def _forget(arms: Arms, model: str, watch: Watch) -> None:
    for (_, named), cell in arms.cells.items():
        if named == model:
            cell.fade(1 - FORGOTTEN)
    arms.offsets[model] = Evidence(RESTART, RESTART * watch.lately)
    watch.worse = watch.better = 0.0
    watch.alarms += 1


def means(arms: Arms, query_type: str, expected: Mapping[str, float]) -> dict[str, Belief]:
    """What is believed of each model at this type of work; `expected`: the prior's means."""
    return {model: belief(arms, query_type, model, mean) for model, mean in expected.items()}
