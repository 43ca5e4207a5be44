"""The product's own learner (learning/bandit.py) and its exploration (routing/explore.py), as the yardstick's simulation calls
them: numbers for names, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from learning.bandit import Arms, Observation, belief, update
from learning.beliefs import EXPLORES
from routing.explore import bounded, odds


class Draws(Protocol):
    """numpy's generator, as far as it is needed."""

    def random(self) -> float: ...


class Learner:
    """`prior`: expected reward, categories x arms."""

    def __init__(self, prior: Sequence[Sequence[float]], rng: Draws) -> None:
        self._prior = [[float(mean) for mean in row] for row in prior]
        self._rng = rng
        self._arms = Arms()

    def pick(self, category: int) -> int:
        found = [belief(self._arms, str(category), str(arm), mean) for arm, mean in enumerate(self._prior[category])]
        first = max(range(len(found)), key=lambda arm: found[arm].mean)
        behind = [found[first].mean - each.mean for each in found]
        tried = dict(enumerate(odds(behind, [each.error for each in found], first)))
        at = float(self._rng.random())
        for arm, share in bounded(tried, EXPLORES).items():
            at -= share
            if at < 0:
                return arm
        return first

    def update(self, category: int, arm: int, reward: float) -> None:
        expected = self._prior[category][arm]
        seen = Observation(query_type=str(category), model=str(arm), reward=float(reward), expected=expected)
        update(self._arms, seen)
