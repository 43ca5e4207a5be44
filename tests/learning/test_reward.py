"""What an outcome is worth: whether it was an answer in the form that was asked for, and what was said of it. No looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.reward import FAILURES, SIGNALS, of_attempt, of_signals
from tests.learning.conftest import attempt


@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_what_a_model_fails_at_counts_against_it(kind):
    reward = of_attempt(attempt(error=kind), served=False, limited=False)
    assert reward.value == 0 and reward.value < reward.expected


@pytest.mark.parametrize(
    "kind", ["rate_limited", "auth", "not_found", "bad_request", "content_filtered", "client_gone", "stopped"]
)
def test_what_is_not_the_model_s_fault_teaches_nothing(kind):
    assert of_attempt(attempt(error=kind), served=False, limited=False) is None


def test_a_broken_form_counts_more_than_an_answer_that_nobody_checked():
    broken = of_attempt(attempt(in_form=False), served=True, limited=False)
    plain = of_attempt(attempt(), served=True, limited=False)
    assert broken.value < broken.expected and broken.weight > plain.weight


def test_an_answer_that_was_cut_off_is_the_model_s_only_where_the_caller_set_no_limit():
    assert of_attempt(attempt(finish="length"), served=True, limited=True) is None
    assert of_attempt(attempt(finish="length"), served=True, limited=False).value < 1


def test_a_refusal_counts_against_it():
    assert of_attempt(attempt(finish="content_filter"), served=True, limited=False).value == 0


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_length_and_time_of_an_answer_are_not_looked_at(tokens, ms):
    from routing.types import Usage

    one = of_attempt(attempt(usage=Usage(output_tokens=tokens), duration_ms=ms), served=True, limited=False)
    assert one == of_attempt(attempt(), served=True, limited=False)


# --- what was said

NAMES = st.sampled_from([*(name for name in SIGNALS if name != "metric"), "metric:passed", "metric:x"])


@given(st.lists(st.tuples(NAMES, st.floats(0, 1)), min_size=1, max_size=8), st.floats(0, 1))
def test_one_vote_within_what_was_said(signals, power):
    reward = of_signals(signals, {"repeated": power, "reworded": power})
    if reward is None:
        assert all(name in ("repeated", "reworded") for name, _ in signals)
        return
    values = [value for _, value in signals]
    assert min(values) - 1e-9 <= reward.value <= max(values) + 1e-9
    assert 0 < reward.weight <= 1


def test_verified_results_outweigh_opinions():
    assert of_signals([("metric:passed", 0.0), ("thumb", 1.0)], {}).value < 0.5
    assert of_signals([("score", 1.0), ("judge", 0.0)], {}).value > 0.5


def test_what_was_not_said_counts_only_as_far_as_it_has_foretold_what_was():
    assert of_signals([("repeated", 0.0)], {}) is None
    assert of_signals([("repeated", 0.0)], {"repeated": 0.5}).weight == pytest.approx(0.1)
