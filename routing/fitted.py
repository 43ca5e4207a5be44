"""What outcomes have taught, as one file: the table of topics, what is believed of the models, and what they spend.

Written by routing/training/outcomes.py; numbers and words, no prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from routing import linear
from routing.quality import Arm, Place, Weights, arm


class Spending(Struct, frozen=True, kw_only=True):
    """What a model costs: USD per token, and output tokens by context."""

    input_usd: float
    output_usd: float
    output_tokens: tuple[float, ...]


class Fitted(Struct, frozen=True, kw_only=True, eq=False):
    """`table`: topics. `framing`: input tokens that stand around a prompt, by context; `tokens_per_char`: of the prompt."""

    table: linear.Table
    weights: Weights
    spending: Mapping[str, Spending]
    framing: tuple[float, ...]
    tokens_per_char: float


class _Believed(Struct, frozen=True, kw_only=True):
    abilities: tuple[float, ...]
    errors: tuple[float, ...]


class _About(Struct, frozen=True, kw_only=True):
    version: str
    contexts: tuple[str, ...]
    arms: dict[str, _Believed]
    unknown: _Believed
    spending: dict[str, Spending]
    framing: tuple[float, ...]
    tokens_per_char: float


def expected_costs(fitted: Fitted, models: Sequence[str], found: Sequence[Place], chars: int) -> list[float]:
    """USD of each model for a prompt of so many characters; `found`: its contexts (routing.quality.places). A model without
    outcomes costs what the middle one of those with outcomes does."""
    inputs = chars * fitted.tokens_per_char + sum(share * fitted.framing[at] for at, share, _ in found)
    costs = []
    for model in models:
        spent = fitted.spending.get(model) or _middle(fitted)
        tokens = sum([share * spent.output_tokens[at] for at, share, _ in found])
        costs.append(inputs * spent.input_usd + tokens * spent.output_usd)
    return costs


@lru_cache(8)
def _middle(fitted: Fitted) -> Spending:
    known = fitted.spending.values()
    return Spending(
        input_usd=median(spent.input_usd for spent in known),
        output_usd=median(spent.output_usd for spent in known),
        output_tokens=tuple(map(median, zip(*(spent.output_tokens for spent in known), strict=True))),
    )


# --- the file


def read(path: Path) -> Fitted:
    """Raises ValueError where the file is not one of ours."""
    table = linear.read(path)
    about = msgspec.convert(table.about, _About)
    flat = (0.0,) * len(about.contexts)
    return Fitted(
        table=table,
        weights=Weights(
            version=about.version,
            contexts=about.contexts,
            arms={model: _arm(believed) for model, believed in about.arms.items()},
            levels=flat,  # within a context that outcomes were recorded in, complexity told nothing more
            rises=flat,
            unknown=_arm(about.unknown),
        ),
        spending=about.spending,
        framing=about.framing,
        tokens_per_char=about.tokens_per_char,
    )


def write(path: Path, fitted: Fitted, rows: Sequence[bytes]) -> None:
    """`rows`: the table's weights, a byte for each output of each feature, as routing.linear.write takes them."""
    weights = fitted.weights
    about = _About(
        version=weights.version,
        contexts=weights.contexts,
        arms={model: _believed(known) for model, known in weights.arms.items()},
        unknown=_believed(weights.unknown),
        spending={model: _rounded(spent) for model, spent in fitted.spending.items()},
        framing=tuple(round(tokens, 1) for tokens in fitted.framing),
        tokens_per_char=float(f"{fitted.tokens_per_char:.4g}"),
    )
    linear.write(path, msgspec.structs.replace(fitted.table, about=msgspec.to_builtins(about)), rows)


def _arm(believed: _Believed) -> Arm:
    return arm(believed.abilities, believed.errors)


def _believed(known: Arm) -> _Believed:
    return _Believed(
        abilities=tuple(round(ability, 4) for ability in known.abilities), errors=tuple(round(error, 4) for error in known.errors)
    )


def _rounded(spent: Spending) -> Spending:
    return Spending(
        input_usd=float(f"{spent.input_usd:.5g}"),
        output_usd=float(f"{spent.output_usd:.5g}"),
        output_tokens=tuple(round(tokens, 1) for tokens in spent.output_tokens),
    )
