"""One tenant's beliefs: what goes in comes out as weights, can be taken back, and no key has more than its share."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import beliefs as believing
from learning.beliefs import Beliefs, Vote
from learning.reward import of_attempt
from tests.learning.conftest import attempt

SHARE = st.floats(0, 1)


def vote(reward, *, model="a", query_type="code_generation", key="k", weight=1.0, expected=0.6):
    return Vote(query_type=query_type, model=model, reward=reward, weight=weight, expected=expected, key=key)


def after(*votes):
    beliefs = Beliefs()
    for one in votes:
        believing.counted(beliefs, one)
    return beliefs


def known(beliefs, model="a", query_type="code_generation", shared=None, explores=0.1):
    return believing.learned(beliefs, shared or {}, explores=explores).of(query_type)[model]


def test_nothing_in_nothing_out():
    made = believing.learned(Beliefs(), {}, explores=0.1)
    assert (made.types, made.models, made.explores) == ({}, {}, 0.0)


@given(st.lists(st.tuples(SHARE, st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1, max_size=20), st.integers(0, 19))
def test_a_vote_that_is_taken_back_leaves_nothing(said, which):
    """Few enough that nothing is taken for a change."""
    votes = [vote(0.4 + reward * 0.4, model=model, key=key) for reward, model, key in said]
    odd = vote(0.7)
    with_it = after(*votes)
    believing.taken_back(with_it, believing.counted(with_it, odd))
    plain = after(*votes)
    for model in {one.model for one in votes}:
        assert known(with_it, model).shift == pytest.approx(known(plain, model).shift, abs=2e-3)
        assert known(with_it, model).count == pytest.approx(known(plain, model).count, abs=0.05)


def test_beliefs_survive_being_written_down():
    beliefs = after(*[vote(n % 2, model="ab"[n % 2]) for n in range(30)])
    assert msgspec.json.decode(msgspec.json.encode(beliefs), type=Beliefs) == beliefs


def test_a_model_that_fails_more_than_it_should_is_believed_to_be_worse():
    beliefs = Beliefs()
    for n in range(200):
        broken = of_attempt(attempt(in_form=n % 3 > 0), served=True, limited=False)
        believing.reliable(beliefs, "code_generation", "a", broken)
        believing.reliable(beliefs, "code_generation", "b", of_attempt(attempt(in_form=True), served=True, limited=False))
    assert known(beliefs, "a").shift < -0.1 < 0 <= known(beliefs, "b").shift < 0.06


def test_many_answers_that_nobody_checked_do_not_drown_what_was_said():
    silent = after(*[vote(0.0)] * 12)
    for _ in range(3000):
        believing.reliable(silent, "code_generation", "a", of_attempt(attempt(), served=True, limited=False))
    assert known(silent).shift < known(after(*[vote(0.0)] * 12)).shift / 2 < 0


def test_answers_that_are_longer_than_predicted_are_expected_to_be():
    beliefs = Beliefs()
    for _ in range(100):
        believing.measured(beliefs, "code_generation", "a", tokens=400, predicted=200)
    assert 1.6 < known(beliefs).length < 2.1
    assert known(beliefs).shift == 0, "long is neither good nor bad"


# --- exploring


def test_nothing_is_explored_without_feedback_and_less_where_it_is_rare():
    few, many, rare = after(*[vote(1.0)] * 5), after(*[vote(1.0)] * 400), after(*[vote(1.0)] * 400)
    for _ in range(600):
        believing.came(rare)
    explores = [believing.learned(each, {}, explores=0.1).explores for each in (few, rare, many)]
    assert explores[0] == 0 < explores[1] < explores[2] == 0.1


# --- whom to trust


def test_no_key_has_more_than_its_share_where_others_speak_too():
    beliefs = after(*[vote(0.6, key="quiet")] * 30, *[vote(0.6, key="loud")] * 300)
    assert believing.influence(beliefs, "loud") < 0.2
    assert believing.influence(beliefs, "quiet") == 1


def test_one_key_alone_is_listened_to():
    assert believing.influence(after(*[vote(0.6)] * 500), "k") == 1


def test_a_key_that_says_something_else_than_all_others_is_odd():
    honest = [vote(float(n % 5 > 0), key=key) for key in "xy" for n in range(40)]
    beliefs = after(*honest, *[vote(0.0, key="z")] * 40)
    assert believing.odd(beliefs, "z") == "a"
    assert believing.odd(beliefs, "x") is None


def test_of_two_that_disagree_nobody_knows_who_is_right():
    beliefs = after(*[vote(1.0, key="x")] * 50, *[vote(0.0, key="y")] * 50)
    assert believing.odd(beliefs, "x") is None and believing.odd(beliefs, "y") is None


def test_what_would_be_believed_without_a_key():
    theirs, lies = [vote(0.9, key="x")] * 20, [vote(0.0, key="z")] * 20
    beliefs = after(*theirs, *lies)
    before = known(beliefs).shift
    assert known(believing.rebuilt(beliefs, theirs)).shift == known(after(*theirs)).shift
    assert known(beliefs).shift == before, "only asked"


def test_what_is_taken_back_after_an_alarm_takes_no_more_than_is_left():
    beliefs = after(*[vote(0.9)] * 40)
    counted = [believing.counted(beliefs, vote(0.0)) for _ in range(40)]
    assert beliefs.quality.watches["a"].alarms
    for one in counted:
        believing.taken_back(beliefs, one)
    cell = beliefs.quality.cells["code_generation"]["a"]
    assert 0 <= cell.count < 10 and abs(cell.surprise) <= cell.count


# --- from others


def test_what_others_have_seen_counts_until_there_is_evidence_of_one_s_own():
    shared = {"code_generation": {"a": 0.1}}
    assert known(Beliefs(), shared=shared).shift == pytest.approx(0.1)
    own = after(*[vote(0.6)] * 60)
    assert 0 < known(own, shared=shared).shift < 0.03
