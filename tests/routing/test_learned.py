"""What was learned of a tenant's work moves its routing: smoothly, within bounds, with propensities that are true."""

from __future__ import annotations

from collections import Counter

import pytest

from routing.explore import WITHIN, explored
from routing.learned import Known, Learned
from routing.query_types import QUERY_TYPES
from routing.rules import Parts
from routing.types import Forecast, Incumbent
from tests.routing.test_draws import CALLER, asked, decided, likely

TYPE = asked()[1].query_type
OTHER = next(kind for kind in QUERY_TYPES if kind != TYPE)


def learned(known, *, query_type=TYPE, **more):
    return Learned(version=3, types={query_type: {model: Known(*each) for model, each in known.items()}}, **more)


def first(**more):
    return decided(headers=[("X-RoutePlex-Explore", "off")], **more).candidates[0].model.id


def test_with_nothing_learned_the_priors_decide():
    assert decided(learned=Learned(version=1)).ranked == decided().ranked


def test_what_does_better_than_expected_comes_first():
    assert first() != "two/e"
    assert first(learned=learned({"two/e": (0.3, 0.2, 40.0)})) == "two/e"
    assert first(learned=learned({"two/e": (0.3, 0.2, 40.0)}, query_type=OTHER)) != "two/e", "another kind of work"


def test_in_new_work_what_is_known_of_the_models_counts():
    known = Learned(version=1, types={OTHER: {}}, models={"two/e": Known(0.3, 0.3, 50.0)})
    assert first(learned=known) == "two/e"


def test_predictions_stay_between_nothing_and_all():
    ranked = decided(learned=learned({"one/a": (5.0,), "one/b": (-5.0,)})).ranked
    assert all(0 < one.forecast.quality < 1 for one in ranked)


def test_longer_answers_than_predicted_cost_more():
    plain = {one.model: one.forecast for one in decided().ranked}
    longer = {one.model: one.forecast for one in decided(learned=learned({"one/a": (0.0, 0.4, 9.0, 2.0)})).ranked}
    assert longer["one/a"].output_tokens == 2 * plain["one/a"].output_tokens
    assert longer["one/a"].cost > plain["one/a"].cost and longer["one/a"].ms > plain["one/a"].ms
    assert longer["one/b"] == plain["one/b"]


# --- exploring


LITTLE_KNOWN = {"two/e": (0.05, 0.4, 5.0)}


def test_exploring_stays_within_its_share_and_tells_the_truth():
    found = Counter(decided(f"req_{n}", learned=learned(LITTLE_KNOWN, explores=0.1)).candidates[0].model.id for n in range(4000))
    told = likely(decided(learned=learned(LITTLE_KNOWN, explores=0.1)))
    tied = likely(decided())
    tried = {model: p for model, p in told.items() if model not in tied}
    assert tried and sum(tried.values()) <= 0.1 + 1e-9
    for model, p in told.items():
        assert found[model] / 4000 == pytest.approx(p, abs=0.025)


@pytest.mark.parametrize(
    "more",
    [
        {"headers": [("X-RoutePlex-Explore", "off")]},
        {"headers": [("X-RoutePlex-Strategy", "quality")]},
        {"learned": learned(LITTLE_KNOWN, explores=0.0)},
        {"learned": learned(LITTLE_KNOWN, explores=0.1, query_type=OTHER)},
        {"incumbent": Incumbent(model="one/a", cached_tokens=0)},
    ],
    ids=["the caller says no", "quality", "the tenant says no", "new work", "in the middle of a conversation"],
)
def test_nothing_is_tried_where_it_should_not_be(more):
    tied = likely(decided())
    assert set(likely(decided(**{"learned": learned(LITTLE_KNOWN, explores=0.1), **more}))) <= set(tied)


def forecast(quality, cost=100):
    return Forecast(quality, 0.05, 100, cost, 1000)


def test_what_is_too_far_behind_is_never_tried():
    field = [forecast(0.8), forecast(0.79 - WITHIN), forecast(0.75)]
    assert set(explored(field, [0.1] * 3, 0, Parts(), 0.1)) == {2}


def test_under_a_floor_only_what_would_win_above_it_is_tried():
    field = [forecast(0.9, cost=100), forecast(0.84, cost=50), forecast(0.84, cost=200)]
    parts = Parts(quality=1e-4, cost=1.0, keeps=0.95)
    assert set(explored(field, [0.1] * 3, 0, parts, 0.1)) == {1}, "cheaper, and perhaps good enough"


def test_two_models_are_tried_as_thompson_would():
    odds = explored([forecast(0.8), forecast(0.8)], [0.1, 0.2], 0, Parts(), 1.0)
    assert odds == {1: pytest.approx(0.5)}


# --- holding back


HELD = {"baseline": "two/e", "held_back": 0.02}


def test_a_share_of_the_conversations_stays_on_the_baseline():
    known = Learned(version=2, **HELD)
    held, routed = decided(learned=known, lot=0.01), decided(learned=known, lot=0.5)
    assert held.seen.held_back and held.candidates[0].model.id == "two/e"
    assert not routed.seen.held_back
    assert likely(held)["two/e"] == likely(routed)["two/e"] == pytest.approx(0.02)
    assert sum(likely(held).values()) == pytest.approx(1)


def test_nobody_is_held_back_who_wants_no_draws_or_where_the_baseline_cannot_serve():
    known = Learned(version=2, **HELD)
    assert not decided(learned=known, lot=0.0, headers=[("X-RoutePlex-Explore", "off")]).seen.held_back
    assert not decided(learned=known, lot=0.0, ill=("two/e",)).seen.held_back
    assert not decided(learned=Learned(version=2, baseline="no/model", held_back=0.5), lot=0.0).seen.held_back
    assert CALLER.draws
