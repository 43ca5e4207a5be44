"""What outcomes make us believe: drawn to what is known, quick to forget what has changed, careful in what is tried."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.learning import Learner
from learning import bandit
from learning.bandit import Arms, Observation, belief, update

SHARE = st.floats(0, 1)


def seen(reward, *, model="a", query_type="code", expected=0.6, weight=1.0):
    return Observation(query_type=query_type, model=model, reward=reward, expected=expected, weight=weight)


def after(*observations):
    arms = Arms()
    for observation in observations:
        update(arms, observation)
    return arms


@given(SHARE)
def test_before_any_outcome_the_prior_is_believed(expected):
    assert belief(Arms(), "code", "a", expected).mean == expected


@given(st.lists(SHARE, min_size=1, max_size=60))
def test_what_is_believed_lies_between_the_prior_and_what_was_seen(rewards):
    found = belief(after(*map(seen, rewards)), "code", "a", 0.6).mean
    lowest, highest = min([*rewards, 0.6]), max([*rewards, 0.6])
    assert lowest - 1e-9 <= found <= highest + 1e-9


def test_influence_grows_smoothly_with_evidence():
    found = [belief(after(*[seen(1.0)] * n), "code", "a", 0.6).mean for n in range(40)]
    steps = [after - before for before, after in pairwise(found)]
    assert all(step > 0 for step in steps)
    assert max(steps) < 0.1, "no outcome moves it by much"


def test_the_error_shrinks_with_evidence():
    errors = [belief(after(*[seen(0.6)] * n), "code", "a", 0.6).error for n in (0, 5, 50)]
    assert errors == sorted(errors, reverse=True)


def test_a_model_that_suits_a_tenant_suits_it_in_work_not_seen_yet_and_less_so():
    arms = after(*[seen(1.0)] * 20)
    known, new = belief(arms, "code", "a", 0.6), belief(arms, "writing", "a", 0.6)
    assert 0.6 < new.mean < known.mean
    other = belief(arms, "code", "b", 0.6).mean
    assert 0.6 <= other < 0.7 < new.mean, "another model has little to do with it: the tenant may be easy to please"


@given(st.lists(st.tuples(SHARE, st.sampled_from("ab"), st.sampled_from(["code", "math"])), max_size=25), st.randoms())
def test_the_order_does_not_matter_beyond_fading(outcomes, random):
    """Few enough that nothing is taken for a change."""
    shuffled = list(outcomes)
    random.shuffle(shuffled)
    one, other = (after(*[seen(r * 0.2 + 0.5, model=m, query_type=q) for r, m, q in order]) for order in (outcomes, shuffled))
    for query_type in ("code", "math"):
        for model in "ab":
            assert belief(one, query_type, model, 0.6).mean == pytest.approx(belief(other, query_type, model, 0.6).mean, abs=0.01)


def test_half_the_weight_is_half_an_outcome():
    whole, halves = after(seen(1.0)), after(seen(1.0, weight=0.5), seen(1.0, weight=0.5))
    assert belief(halves, "code", "a", 0.6).mean == pytest.approx(belief(whole, "code", "a", 0.6).mean, abs=1e-4)


@pytest.mark.parametrize(("before", "now"), [(0.9, 0.3), (0.3, 0.95)])
def test_a_model_that_changes_is_noticed_within_a_few_dozen_outcomes(before, now):
    random = Random(1)
    arms = after(*[seen(float(random.random() < before), expected=before) for _ in range(600)])
    alarms = arms.watches["a"].alarms
    needed = 0
    while abs(belief(arms, "code", "a", before).mean - now) > 0.25 and needed < 200:
        update(arms, seen(float(random.random() < now), expected=before))
        needed += 1
    assert needed < 100
    assert arms.watches["a"].alarms > alarms


def test_memory_is_bounded_by_models_and_types():
    arms = after(*[seen(n % 2, model=str(n % 5), query_type=str(n % 3)) for n in range(3000)])
    assert (sum(map(len, arms.cells.values())), len(arms.offsets), len(arms.watches)) == (15, 5, 5)


def test_the_yardstick_s_face_learns_what_is_better():
    class Draws:
        of = Random(5)

        def random(self):
            return self.of.random()

    learner, random = Learner([[0.6, 0.6], [0.5, 0.5]], Draws()), Random(7)
    for n in range(800):
        category = n % 2
        arm = learner.pick(category)
        learner.update(category, arm, float(random.random() < (0.9 if arm == category else 0.3)))
    assert [sum(learner.pick(category) == category for _ in range(100)) > 90 for category in (0, 1)] == [True, True]
    assert bandit.KEPT < 1
