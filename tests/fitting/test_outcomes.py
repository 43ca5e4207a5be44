"""What is learned from outcomes, on small ones made up here: who is good at what, what it costs, and what is not known.

Needs the group "yardstick", which the product does not have: python -m pytest -c /dev/null --rootdir . --noconftest tests/fitting
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.routing.router import Router
from routing import fitted
from routing.quality import FAMILIES, Arm
from routing.training.fit import Array
from routing.training.outcomes import Outcomes, fit, prices

MODELS = ["adder", "poet", "both"]
SUMS = [f"Compute the sum of {n} and {n * 7 % 90} and then divide the total by {n % 9 + 2}." for n in range(60)]
POEMS = [f"Write a poem about the {what} of autumn, number {n}." for n in range(20) for what in ("moon", "river", "leaves")]
ELSEWHERE = [f"Which train goes from platform {n} to the old harbour town?" for n in range(30)]
REACHED = {"sums": (0.95, 0.5, 0.9), "poems": (0.4, 0.95, 0.9)}
TOKENS = {"sums": (50.0, 60.0, 70.0), "poems": (300.0, 200.0, 400.0)}
PRICES = np.array([1e-6, 1e-6, 2e-5])


def outcomes() -> Outcomes:
    topics = ["sums"] * len(SUMS) + ["poems"] * len(POEMS)
    texts = [*SUMS, *POEMS]
    inputs = np.repeat([[len(text) / 4 + 8.0] for text in texts], len(MODELS), axis=1)
    written = np.array([TOKENS[topic] for topic in topics])
    draw = np.random.RandomState(0)
    return Outcomes(
        texts=texts,
        topics=topics,
        models=MODELS,
        quality=(draw.random_sample(inputs.shape) < np.array([REACHED[topic] for topic in topics])).astype(float),
        input_tokens=inputs,
        output_tokens=written,
        cost=(inputs + 4 * written) * PRICES,
    )


def written_by(path: Path) -> Router:
    fitted.write(path, *fit(outcomes(), ELSEWHERE))
    return Router(path)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    return written_by(tmp_path_factory.mktemp("fitted") / "weights.bin")


@pytest.mark.parametrize(
    ("text", "best"),
    [(SUMS[0], "adder"), ("Compute the sum of 4 and 12.", "adder"), (POEMS[0], "poet"), ("A poem about autumn.", "poet")],
)
def test_each_topic_has_its_best_model(router: Router, text: str, best: str) -> None:
    told = router.route(text, ["adder", "poet"])
    assert max(told["scores"], key=told["scores"].__getitem__) == best


@pytest.mark.parametrize(("topic", "text"), [("sums", SUMS[3]), ("poems", POEMS[3])])
def test_costs_are_what_such_prompts_cost(router: Router, topic: str, text: str) -> None:
    costs = router.route(text, MODELS)["costs"]
    for model, tokens, price in zip(MODELS, TOKENS[topic], PRICES, strict=True):
        assert costs[model] == pytest.approx((len(text) / 4 + 8 + 4 * tokens) * price, rel=0.25)


def test_the_slider_never_moves_to_a_cheaper_model(router: Router) -> None:
    for text in (*SUMS[:5], *POEMS[:5], *ELSEWHERE[:5]):
        costs = router.route(text, MODELS)["costs"]
        chosen = [costs[router.route(text, MODELS, lam=slider)["model"]] for slider in range(11)]
        assert chosen == sorted(chosen)


def test_what_was_never_recorded_is_told_with_a_wider_error(router: Router) -> None:
    known = dict(zip(router.fitted.weights.contexts, router.fitted.weights.arms["adder"].errors, strict=True))
    assert known["math"] > known["sums"]


def test_the_same_outcomes_give_the_same_bytes(router: Router, tmp_path: Path) -> None:
    again = written_by(tmp_path / "again.bin")
    assert again.fitted.weights.version == router.fitted.weights.version
    assert again.fitted.spending == router.fitted.spending


def test_a_lead_where_nearly_all_is_answered_well_holds_for_harder_prompts_of_the_family() -> None:
    """98 against 94 of a hundred is three times the odds: on a harder topic of the same family that is a wide lead."""
    made = outcomes()
    count = len(SUMS)
    quality = np.ones((2 * count, 2))
    quality[:2, 0] = quality[: count // 5, 1] = 0
    found, _ = fit(
        Outcomes(
            texts=[*SUMS, *POEMS],
            topics=made.topics,
            models=["careful", "careless"],
            quality=np.where(np.arange(2 * count)[:, None] < count, quality, np.arange(2 * count)[:, None] % 2),
            input_tokens=made.input_tokens[:, :2],
            output_tokens=made.output_tokens[:, :2],
            cost=made.cost[:, :2],
        )
    )
    arms = found.weights.arms
    assert _in_family(arms["careful"], "math") - _in_family(arms["careless"], "math") > 0.5
    lead = _in_family(arms["careful"], "creative_writing") - _in_family(arms["careless"], "creative_writing")
    assert abs(lead) < _in_family(arms["careful"], "math") - _in_family(arms["careless"], "math")


def _in_family(known: Arm, family: str) -> float:
    return known.abilities[[str(name) for name in FAMILIES].index(family)]


def test_prices_are_found_again() -> None:
    inputs, written = np.array([10.0, 200.0, 35.0]), np.array([100.0, 20.0, 400.0])
    paid: Array = 3e-6 * inputs + 15e-6 * written
    assert prices(inputs, written, paid) == (pytest.approx(3e-6), pytest.approx(15e-6))
