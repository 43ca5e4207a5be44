"""The product's own classifier, predictions and strategies, as the yardstick calls them, on weights fitted to its outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from routing import fitted
from routing.classify import classify_text, families
from routing.quality import places, predict_all
from routing.rules import Parts
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
        self, text: str, models: Sequence[str], strategy: str = "auto", tenant: str = "default", lam: Any = None
    ) -> dict[str, Any]:
        """The model that the strategy puts first, with the predicted quality and cost (USD) of each."""
        classification, forecasts = self.predicted(text, models)
        first = chosen(models, forecasts, STRATEGIES[strategy](classification, TRADEOFF))
        return {
            "model": models[first],
            "scores": {model: forecast.quality for model, forecast in zip(models, forecasts, strict=True)},
            "costs": {model: forecast.cost / PICO_PER_USD for model, forecast in zip(models, forecasts, strict=True)},
            "propensity": 1.0,
        }

    def predicted(self, text: str, models: Sequence[str]) -> tuple[Classification, list[Forecast]]:
        """What the strategies are given: quality, its error, and cost of each model; no length and no time."""
        reading = classify_text(text)
        known = with_topics(reading, self.fitted.table, text)
        costs = fitted.expected_costs(self.fitted, models, places(self.fitted.weights, known), len(text))
        classification = Classification(
            query_type=reading.query_type,
            posterior=reading.posterior,
            complexity=reading.complexity,
            needs={},
            input_tokens=1,
            max_output_tokens=None,
        )
        return classification, [
            Forecast(quality.mean, quality.error, 0, round(cost * PICO_PER_USD), 0)
            for quality, cost in zip(predict_all(self.fitted.weights, models, known), costs, strict=True)
        ]


def chosen(models: Sequence[str], forecasts: Sequence[Forecast], parts: Parts) -> int:
    """Which of them comes first, without draws."""
    score = scores(forecasts, parts)
    return max(range(len(models)), key=lambda i: (score[i], models[i]))
