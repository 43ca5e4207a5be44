"""The product's own learner (learning/bandit.py), as the yardstick's simulation calls it: numbers for names, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from learning.bandit import Arms, Observation, belief, choose, update


class Draws(Protocol):
    """numpy's generator, as far as it is needed."""

    def standard_normal(self, size: int) -> Sequence[float]: ...


class Learner:
    """`prior`: expected reward, categories x arms."""

    def __init__(self, prior: Sequence[Sequence[float]], rng: Draws) -> None:
        self._prior = [[float(mean) for mean in row] for row in prior]
        self._rng = rng
        self._arms = Arms()

    def pick(self, category: int) -> int:
        expected = self._prior[category]
        beliefs = [belief(self._arms, str(category), str(arm), mean) for arm, mean in enumerate(expected)]
        return choose(beliefs, self._rng.standard_normal(len(expected)))

    def update(self, category: int, arm: int, reward: float) -> None:
        expected = self._prior[category][arm]
        seen = Observation(query_type=str(category), model=str(arm), reward=float(reward), expected=expected)
        update(self._arms, seen)
