"""The yardstick's own arithmetic, at the ends that are known: single models gain nothing, an oracle all there is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bench.routing.curve import curve, picture, table
from bench.routing.data import Rows
from bench.routing.hull import area, cost_at, error, hull, judge, swept
from bench.routing.yardstick import ask, line
from tests.fitting.test_outcomes import MODELS, outcomes

DRAW = np.random.RandomState(1)
QUALITY = (DRAW.random_sample((400, 3)) < [0.4, 0.6, 0.8]).astype(float)
COST = DRAW.random_sample((400, 3)) * [1e-4, 1e-3, 1e-2]


def test_single_models_gain_nothing() -> None:
    everywhere = np.tile(QUALITY.mean(axis=0), (400, 1)), np.tile(COST.mean(axis=0), (400, 1))
    assert judge(*everywhere, QUALITY, COST).gain == pytest.approx(0, abs=0.01)


def test_an_oracle_gains_all() -> None:
    found = judge(QUALITY, COST, QUALITY, COST)
    assert found.gain == pytest.approx(1)
    assert found.best_quality == pytest.approx(QUALITY.max(axis=1).mean())


def test_an_error_is_told_and_is_the_same_every_time() -> None:
    guess = QUALITY * 0.1 + 0.5
    assert 0 < error(guess, COST, QUALITY, COST) == error(guess, COST, QUALITY, COST) < 0.2


def test_a_hull_is_concave_and_rises() -> None:
    points = hull(swept(QUALITY + DRAW.random_sample(QUALITY.shape), COST, QUALITY, COST))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    assert all(slope > 0 for slope in slopes)
    assert slopes == sorted(slopes, reverse=True)
    assert cost_at(points, points[-1][1]) == pytest.approx(points[-1][0])
    assert np.isnan(cost_at(points, 2.0))


def test_below_the_cheapest_point_nothing_is_reached() -> None:
    assert area([(0.5, 1.0)], np.linspace(0, 1, 1001)) == pytest.approx(0.5, abs=0.01)


def test_a_router_is_judged_and_its_curve_told() -> None:
    class Knows:
        def route(self, text, models, strategy="auto", *, lam=None):
            row = texts.index(text)
            return {"scores": dict(zip(MODELS, QUALITY[row], strict=True)), "costs": dict(zip(MODELS, COST[row], strict=True))}

    texts = [str(n) for n in range(len(QUALITY))]
    result = ask(Knows(), _rows(texts), QUALITY, COST, MODELS)
    assert result.judgement.gain == pytest.approx(1)
    assert line("made up", result).split()[:3] == ["made", "up", "400"]
    found = {"made up": curve(result.curve, MODELS, QUALITY, COST)}
    assert table("made up", found["made up"]).count("\n") == 2
    assert picture(found).count("<circle") == len(MODELS)


def _rows(texts):
    made = outcomes()
    empty = np.zeros((len(texts), len(MODELS)))
    return Rows(
        ids=texts,
        texts=texts,
        suites=texts,
        subcategories=texts,
        models=made.models,
        quality=empty,
        input_tokens=empty,
        output_tokens=empty,
        cost=empty,
    )
