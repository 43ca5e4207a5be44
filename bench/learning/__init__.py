"""How fast and how safely does the product learn? `bench.learning:Learner` is what the yardstick's simulation asks;
`python -m bench.learning --yardstick DIR` runs it."""

from bench.learning.learner import Learner

__all__ = ["Learner"]
