"""How good another policy would have been: the intervals hold what they promise, and what cannot be told is not told."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import offpolicy, samples
from learning.intervals import CannotTell, Estimate
from learning.offpolicy import judgement
from learning.samples import Logged, Sample

BOTH = ("snips", "doubly_robust")
SHARE = st.floats(0, 1)
QUALITY = {"code": (0.7, 0.6, 0.5), "words": (0.8, 0.6, 0.5)}  # of three models
LOGGING = {"code": (0.7, 0.15, 0.15), "words": (0.15, 0.7, 0.15)}
TARGET = {"code": (0.1, 0.1, 0.8), "words": (0.0, 0.9, 0.1)}
BELIEVED = (0.75, 0.55, 0.6)  # by the direct model, which is wrong


def sample(reward=None, *, cluster="one", logged=1.0, target=1.0, expected=0.5, **more):
    more.setdefault("expected_target", expected)
    return Sample(cluster=cluster, logged=logged, target=target, reward=reward, expected=expected, **more)


def logged_of(seen, **more):
    logged = Logged(**more)
    for one in seen:
        logged.add(one)
    return logged


# --- a simulated world of which the truth is known


def mean_under(policy):
    return sum(p * q for work in QUALITY for p, q in zip(policy[work], QUALITY[work], strict=True)) / len(QUALITY)


def conversations(rng, number, target=TARGET, feedback=0.6):
    """Turns of a conversation are alike: some go well, some badly, whoever answers."""
    for name in range(number):
        work, mood = rng.choice(list(QUALITY)), rng.uniform(-0.15, 0.15)
        for _ in range(1 + int(rng.expovariate(0.5))):
            action = rng.choices(range(3), LOGGING[work])[0]
            reward = float(rng.random() < QUALITY[work][action] + mood)
            yield sample(
                reward if rng.random() < feedback else None,
                cluster=str(name),
                logged=LOGGING[work][action],
                target=target[work][action],
                expected=BELIEVED[action],
                expected_target=sum(p * q for p, q in zip(target[work], BELIEVED, strict=True)),
            )


@pytest.mark.parametrize("by", BOTH)
def test_intervals_of_95_percent_hold_the_truth_95_times_in_a_hundred(by):
    rng, times = Random(7), 400
    value, incumbent = mean_under(TARGET), mean_under(LOGGING)
    held = {"target": 0, "incumbent": 0, "difference": 0}
    for _ in range(times):
        found = judgement(logged_of(conversations(rng, 150)), by)
        held["target"] += found.target.low <= value <= found.target.high
        held["incumbent"] += found.incumbent.low <= incumbent <= found.incumbent.high
        held["difference"] += found.difference.low <= value - incumbent <= found.difference.high
    assert all(0.92 <= number / times <= 0.98 for number in held.values()), held


@pytest.mark.parametrize("by", BOTH)
def test_the_estimate_comes_to_the_truth(by):
    found = judgement(logged_of(conversations(Random(1), 20_000)), by)
    assert found.target.value == pytest.approx(mean_under(TARGET), abs=0.02)
    assert found.difference.value == pytest.approx(mean_under(TARGET) - mean_under(LOGGING), abs=0.02)


def test_turns_of_one_conversation_are_no_independent_witnesses():
    """Ten turns that all say the same are worth one."""
    rng = Random(3)
    rewards = [float(rng.random() < 0.6) for _ in range(60)]
    alone = judgement(logged_of(sample(r, cluster=str(i)) for i, r in enumerate(rewards)), "snips").target
    told_ten_times = judgement(logged_of(sample(r, cluster=str(i)) for i, r in enumerate(rewards) for _ in range(10)), "snips")
    assert told_ten_times.target.high - told_ten_times.target.low == pytest.approx(alone.high - alone.low, rel=0.05)


# --- properties


@pytest.mark.parametrize("by", BOTH)
@given(st.lists(st.tuples(SHARE, SHARE, st.floats(0.05, 1)), min_size=40, max_size=60))
def test_the_logging_policy_itself_is_worth_the_mean_reward(by, seen):
    logged = logged_of(sample(r, cluster=str(i), logged=p, target=p, expected=e) for i, (r, e, p) in enumerate(seen))
    found = judgement(logged, by)
    mean = sum(reward for reward, _, _ in seen) / len(seen)
    assert found.target.value == pytest.approx(mean) and found.incumbent.value == pytest.approx(mean)
    assert (found.difference.value, found.difference.low, found.difference.high) == pytest.approx((0, 0, 0), abs=1e-9)


@given(st.lists(st.tuples(SHARE, SHARE, st.floats(0.01, 1), SHARE), min_size=1, max_size=80), st.integers(1, 30))
def test_whatever_was_logged_an_interval_holds_its_value_and_stays_in_bounds(seen, clusters):
    logged = logged_of(
        sample(r, cluster=str(i % clusters), logged=p, target=t, expected=e) for i, (r, e, p, t) in enumerate(seen)
    )
    for by in BOTH:
        found = judgement(logged, by)
        for told, least in ((found.target, 0), (found.incumbent, 0), (found.difference, -1)):
            if isinstance(told, Estimate):
                assert least <= told.low <= told.value <= told.high <= 1
            else:
                assert told.in_words and (told.more_requests or 0) >= 0


@given(st.lists(SHARE, min_size=40, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(rewards, rng):
    seen = [sample(r, cluster=str(i % 20), target=0.5 + r / 2) for i, r in enumerate(rewards)]
    before = judgement(logged_of(seen), "doubly_robust").target
    rng.shuffle(seen)
    after = judgement(logged_of(seen), "doubly_robust").target
    assert (after.value, after.low, after.high) == pytest.approx((before.value, before.low, before.high))


def test_thirty_successes_in_a_row_prove_no_perfection():
    found = judgement(logged_of(sample(1.0, cluster=str(i)) for i in range(30)), "snips").target
    assert found.value == 1 and 0.9 < found.low < 0.95


# --- what cannot be told


@pytest.mark.parametrize("by", BOTH)
def test_a_policy_that_never_takes_what_was_logged_cannot_be_told(by):
    found = judgement(logged_of(sample(1.0, cluster=str(i), target=0.0, supported=0.0) for i in range(500)), by)
    assert isinstance(found.target, CannotTell) and isinstance(found.difference, CannotTell)
    assert isinstance(found.incumbent, Estimate)
    assert found.target.why == "never_tried" and found.target.supported == 0
    assert 0 < found.target.exploring <= 1 and found.target.more_requests > 0


def test_without_feedback_nothing_can_be_told():
    found = judgement(logged_of(sample(None, cluster=str(i)) for i in range(500)), "snips")
    assert {told.why for told in (found.target, found.incumbent, found.difference)} == {"no_feedback"}
    assert judgement(Logged(), "doubly_robust").target.why == "no_feedback"


def test_what_is_missing_is_about_what_it_takes():
    """Gathered as told, at the same propensities, it can be told as well as promised."""
    found = judgement(logged_of(conversations(Random(5), 12)), "snips").target
    assert isinstance(found, CannotTell) and found.why == "too_little"
    rewards = 12 * 2.5 * 0.6
    enough = judgement(logged_of(conversations(Random(6), int(12 * (1 + found.more_requests / rewards)))), "snips").target
    assert isinstance(enough, Estimate)
    assert enough.high - enough.low < 2.5 * offpolicy.PRECISION


def test_what_could_never_be_tried_widens_the_interval():
    """The target takes one time in twenty what nobody has ever seen: that may be worth nothing, or all."""
    known = judgement(logged_of(conversations(Random(2), 400)), "snips").target
    unseen = logged_of(conversations(Random(2), 400))
    unseen.supported *= 0.95
    found = judgement(unseen, "snips").target
    assert found.high - found.low == pytest.approx(known.high - known.low + 0.05)


# --- how it is counted


def test_weights_are_clipped_only_where_somebody_says_so():
    seen = [sample(float(i % 2), cluster=str(i), logged=0.01 if i % 2 else 0.5, target=0.5) for i in range(200)]
    assert judgement(logged_of(seen), "snips").target.value == pytest.approx(50 / 51)
    assert judgement(logged_of(seen, clip=2.0), "snips").target.value == pytest.approx(2 / 3)


def test_a_reward_that_is_trusted_half_counts_half():
    seen = [sample(1.0, cluster=str(i), weight=0.5) for i in range(50)]
    seen += [sample(0.0, cluster=str(50 + i)) for i in range(50)]
    assert judgement(logged_of(seen), "snips").target.value == pytest.approx(1 / 3)


def test_what_a_turn_followed_from_is_part_of_its_ratio():
    assert sample(1.0, logged=0.5, target=1.0, before=3.0).ratio == 6


def test_memory_has_a_bound(monkeypatch):
    """Beyond it, conversations are told together: the interval stays about the same."""
    alone = judgement(logged_of(conversations(Random(4), 1000)), "snips").target
    monkeypatch.setattr(samples, "MOST_CLUSTERS", 100)
    monkeypatch.setattr(samples, "SHARED", 100)
    logged = logged_of(conversations(Random(4), 1000))
    together = judgement(logged, "snips").target
    assert len(logged.clusters) <= 200
    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.35)
