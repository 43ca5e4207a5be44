"""A running gateway, asked over HTTP what it would choose (POST /api/v1/route): predicted quality and cost of each candidate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.request import Request, urlopen

TIMEOUT_S = 30.0
AUTOMATIC = "routeplex-ai"


class Served:
    """Models are named as the gateway's catalogue names them; one that it excludes has no quality and costs nothing."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/") + "/api/v1/route"
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def route(self, text: str, models: Sequence[str], strategy: str = "auto", *, lam: float | None = None) -> Mapping[str, Any]:
        slider = {} if lam is None else {"X-RoutePlex-Tradeoff": str(lam)}
        told = self._ask(text, {"X-RoutePlex-Strategy": strategy, **slider})
        found = {name: candidate for candidate in told["candidates"] for name in _names(candidate["model"])}
        ranked = [candidate["model"] for candidate in told["candidates"]]
        chosen = next((model for model in ranked if any(name in models for name in _names(model))), None)
        return {
            "model": next((name for name in _names(chosen) if name in models), None) if chosen else None,
            "scores": {model: found[model]["predicted_quality"] if model in found else 0.0 for model in models},
            "costs": {model: found[model]["predicted_cost_usd"] if model in found else 0.0 for model in models},
            "propensity": told["propensity"].get(chosen),
        }

    def classify(self, text: str) -> Mapping[str, Any]:
        told = self._ask(text, {})["classification"]
        return {"category": told["family"], **told}

    def missing(self, text: str, models: Sequence[str]) -> Sequence[str]:
        """Those that the gateway does not have, or would not choose."""
        served = {name for candidate in self._ask(text, {})["candidates"] for name in _names(candidate["model"])}
        return [model for model in models if model not in served]

    def _ask(self, text: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        body = {"model": AUTOMATIC, "messages": [{"role": "user", "content": text}]}
        with urlopen(Request(self._url, json.dumps(body).encode(), {**self._headers, **headers}), timeout=TIMEOUT_S) as answer:
            return cast(Mapping[str, Any], json.load(answer))


def _names(model: str) -> tuple[str, str]:
    """With its provider, and bare."""
    return model, model.partition("/")[2]
