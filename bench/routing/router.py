"""The product's own classifier, predictions and strategies, as the yardstick calls them, on weights fitted to its outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from routing import fitted
from routing.classify import classify_text, families
from routing.quality import places, predict_all
from routing.strategies import STRATEGIES, TRADEOFF, scores
from routing.topics import with_topics
from routing.types import PICO_PER_USD, Classification, Forecast

WEIGHTS = Path(__file__).with_name("weights.bin")


class Router:
    """`classify(text)` and `route(text, models, strategy)`, by the contract of the yardstick's harness/adapter.py."""

    def __init__(self, weights: Path | fitted.Fitted = WEIGHTS) -> None:
        self._given = weights

    @cached_property
    def fitted(self) -> fitted.Fitted:
        return fitted.read(self._given) if isinstance(self._given, Path) else self._given

    def classify(self, text: str) -> dict[str, Any]:
        reading = classify_text(text)
        return {
            "category": reading.family,
            "query_type": reading.query_type,
            "posterior": families(reading.posterior),
            "complexity": reading.complexity,
        }

    def route(
        self, text: str, models: Sequence[str], strategy: str = "auto", tenant: str = "default", lam: float | None = None
    ) -> dict[str, Any]:
        """The model that the strategy puts first, with the predicted quality and cost (USD) of each. `lam`: the slider, 0..10."""
        reading = classify_text(text)
        known = with_topics(reading, self.fitted.table, text)
        predicted = predict_all(self.fitted.weights, models, known)
        means = [quality.mean for quality in predicted]
        costs = fitted.expected_costs(self.fitted, models, places(self.fitted.weights, known), len(text))
        forecasts = [
            Forecast(mean, quality.error, 0, round(cost * PICO_PER_USD), 0)
            for mean, quality, cost in zip(means, predicted, costs, strict=True)
        ]
        classification = Classification(
            query_type=reading.query_type,
            posterior=reading.posterior,
            complexity=reading.complexity,
            needs={},
            input_tokens=1,
            max_output_tokens=None,
        )
        score = scores(forecasts, STRATEGIES[strategy](classification, TRADEOFF if lam is None else lam))
        first = max(range(len(models)), key=lambda i: (score[i], models[i]))
        return {
            "model": models[first],
            "scores": dict(zip(models, means, strict=True)),
            "costs": dict(zip(models, costs, strict=True)),
            "propensity": 1.0,
        }
