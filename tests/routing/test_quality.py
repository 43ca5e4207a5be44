"""What is predicted of models: easy prompts bring them together, hard ones tell them apart, thin evidence is said to be thin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from routing.catalog import CATALOG_FILE, load
from routing.quality import FAMILIES, Weights, arm, places, predict, predict_all, prior, shares
from routing.query_types import QUERY_TYPES

CATALOG = load(CATALOG_FILE.read_text("utf-8"))
PRIOR = prior(CATALOG)
MODELS = list(CATALOG.models)
BY_QUALITY = sorted(CATALOG.models.values(), key=lambda model: model.quality)
PLAIN, BEST = BY_QUALITY[0].id, BY_QUALITY[-1].id

unit = st.floats(0, 1)


class Reading(Struct, frozen=True):
    posterior: dict[str, float]
    complexity: float = 0.5
    topics: tuple[float, ...] = ()


def surely(kind: str, complexity: float = 0.5) -> Reading:
    return Reading({kind: 1.0}, complexity)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    parts = draw(st.lists(st.floats(0.001, 1), min_size=len(QUERY_TYPES), max_size=len(QUERY_TYPES)))
    return Reading({kind: part / sum(parts) for kind, part in zip(QUERY_TYPES, parts, strict=True)}, draw(unit))


@given(readings())
def test_predictions_are_probabilities_with_an_error(reading: Reading) -> None:
    for predicted in predict_all(PRIOR, MODELS, reading):
        assert 0 < predicted.mean < 1
        assert 0 < predicted.error < 0.15


@given(readings())
def test_one_by_one_is_the_same_as_together(reading: Reading) -> None:
    assert [predict(PRIOR, model, reading) for model in MODELS[:3]] == predict_all(PRIOR, MODELS[:3], reading)


@given(readings(), unit, unit)
def test_what_is_harder_is_never_answered_better(reading: Reading, one: float, other: float) -> None:
    easy, hard = (replace(reading, complexity=at) for at in sorted((one, other)))
    assert predict(PRIOR, BEST, easy).mean >= predict(PRIOR, BEST, hard).mean


@given(readings())
def test_shares_sum_to_one(reading: Reading) -> None:
    assert sum(shares(reading)) == pytest.approx(1)
    assert sum(share for _, share, _ in places(PRIOR, reading)) == pytest.approx(1)


def test_easy_prompts_bring_models_together() -> None:
    def gap(complexity: float) -> float:
        best, plain = predict_all(PRIOR, (BEST, PLAIN), surely("math", complexity))
        return best.mean - plain.mean

    assert 0 < gap(0.25) < 0.08 < 0.15 < gap(0.65)


def test_the_better_rated_model_is_predicted_to_be_better() -> None:
    rated = sorted(CATALOG.models.values(), key=lambda model: model.qualities.get("code", model.quality))
    predicted = predict_all(PRIOR, [model.id for model in rated], surely("code_generation"))
    means = [found.mean for found in predicted]
    assert means == sorted(means)


def test_an_unsure_posterior_widens_the_error() -> None:
    flat = Reading(dict.fromkeys(QUERY_TYPES, 1 / len(QUERY_TYPES)))
    assert predict(PRIOR, BEST, flat).error > predict(PRIOR, BEST, surely("math")).error


def test_a_model_that_nobody_knows_has_a_wide_error() -> None:
    unknown = predict(PRIOR, "nobody/nothing", surely("math"))
    assert unknown.error > 3 * predict(PRIOR, BEST, surely("math")).error


def test_the_prior_is_made_once_for_a_catalogue() -> None:
    assert prior(CATALOG) is prior(CATALOG)
    assert PRIOR.contexts == FAMILIES


def test_topics_take_their_share_of_the_families() -> None:
    count = len(FAMILIES)
    weights = Weights(
        version="test",
        contexts=(*FAMILIES, "a topic"),
        arms={"m": arm((*(0.0,) * count, 2.0), (*(0.5,) * count, 0.1))},
        levels=(0.0,) * (count + 1),
        rises=(0.0,) * (count + 1),
        unknown=arm((0.0,) * (count + 1), (1.0,) * (count + 1)),
    )
    outside = predict(weights, "m", surely("math"))
    within = predict(weights, "m", Reading({"math": 1.0}, topics=(1.0,)))
    between = predict(weights, "m", Reading({"math": 1.0}, topics=(0.5,)))
    assert outside.mean == pytest.approx(0.5)
    assert within.mean == pytest.approx(0.8808, abs=1e-4)
    assert between.mean == pytest.approx((outside.mean + within.mean) / 2)
    assert within.error < outside.error
