"""The models of the outcomes as an operator's catalogue (PROVIDERS_FILE), so that a running gateway can be asked about them.

Their prices are those that were paid; their quality is the rating with which the gateway's prior expects what they reached on
train. That is all it is told of them: how they differ by topic, it must do without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.routing.data import Rows
from routing.classify import classify_text
from routing.quality import EASIEST, HARDEST, LEVEL, RISE, SLOPE, logit
from routing.training.fit import Array
from routing.training.outcomes import prices

PROVIDER = """[providers.yardstick]
display_name = "Yardstick"
base_url = "http://localhost:1/v1" # nobody is asked for an answer
"""
MODEL = """
[[providers.yardstick.models]]
name = "{name}"
context_tokens = 200000
max_output_tokens = 16384
prices = [{{ input = "{input:.6f}", output = "{output:.6f}" }}]
quality = {quality:.4f}
"""
BISECTIONS = 20


def catalog(rows: Rows, models: Sequence[str]) -> str:
    """TOML. `rows`: train."""
    read = {text: classify_text(text).complexity for text in rows.texts}
    difficulty = np.clip(LEVEL + RISE * (np.array([read[text] for text in rows.texts]) - 0.5), EASIEST, HARDEST)
    return PROVIDER + "".join(_entry(rows, rows.models.index(name), difficulty) for name in models)


def _entry(rows: Rows, m: int, difficulty: Array) -> str:
    asked = ~np.isnan(rows.quality[:, m]) & ~np.isnan(rows.cost[:, m])
    paid = prices(rows.input_tokens[asked, m], rows.output_tokens[asked, m], rows.cost[asked, m])
    return MODEL.format(
        name=rows.models[m],
        input=paid[0] * 1e6,
        output=paid[1] * 1e6,
        quality=_rating(float(rows.quality[asked, m].mean()), difficulty[asked]),
    )


def _rating(reached: float, difficulty: Array) -> float:
    low, high = 0.01, 0.99
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        expected = float((1 / (1 + np.exp(difficulty - SLOPE * logit(middle)))).mean())
        low, high = (middle, high) if expected < reached else (low, middle)
    return (low + high) / 2
