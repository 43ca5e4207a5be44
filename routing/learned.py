"""What has learning found out about one tenant's own work? A small, immutable value that routing adds to its priors.

Known     of one model: how much better or worse than the prior it does, and how sure that is
Learned   all of it, as one version; made by learning, carried by routing/weights.py
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from msgspec import Struct

from routing.quality import Predicted

WORST, BEST = 0.01, 0.99  # a prediction of quality stays between
LEAST_VARIANCE = 0.06  # of one reward: even a model that nearly always does well may be wrong for once
UNSURE = 0.456  # of a model without any outcome: learning/bandit.py says why


def variance(mean: float) -> float:
    """Of one reward around its mean: rewards are nearly yes or no."""
    return max(LEAST_VARIANCE, mean * (1 - mean))


class Known(Struct, frozen=True, array_like=True):
    """Of one model, for one type of work or for all. `shift`: of the predicted quality; `unsure`: one standard error of it, in
    standard deviations of one outcome; `count`: outcomes behind it, faded; `length`: of the answers, as a share of what is
    predicted."""

    shift: float = 0.0
    unsure: float = UNSURE
    count: float = 0.0
    length: float = 1.0

    def applied(self, prior: Predicted) -> Predicted:
        return Predicted(min(BEST, max(WORST, prior.mean + self.shift)), prior.error * self.unsure / UNSURE)


UNKNOWN = Known()


class Learned(Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """`types`: by query type, then model, where there were outcomes; `models`: of types that are new to the tenant.
    `explores`: the largest share of its requests that may go to a model that is not the first. `baseline`: the model on which
    the share `held_back` of its conversations stays, so that what routing saves can be measured."""

    version: int
    types: Mapping[str, Mapping[str, Known]] = {}
    models: Mapping[str, Known] = {}
    explores: float = 0.0
    baseline: str = ""
    held_back: float = 0.0

    def of(self, query_type: str) -> Mapping[str, Known]:
        return self.types.get(query_type, self.models)

    def errors(self, query_type: str, qualities: Mapping[str, float]) -> list[float]:
        """Of each model's quality in this tenant's own work: one standard error. `qualities`: as they are believed to be."""
        own = self.of(query_type)
        return [own.get(model, UNKNOWN).unsure * sqrt(variance(mean)) for model, mean in qualities.items()]

    def may_explore(self, query_type: str) -> bool:
        """Never in work that is new to the tenant."""
        return self.explores > 0 and query_type in self.types


NOTHING = Learned(version=0)
