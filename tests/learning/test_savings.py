"""What routing saves: measured against conversations that a draw held back, and said only when it can be."""

from __future__ import annotations

import json
from random import Random

import pytest
from django.core.management import call_command
from msgspec.structs import replace

from gateway.models import RequestLog
from gateway.records import decided
from learning.intervals import CannotTell
from learning.savings import measured
from learning.tables import savings_table
from learning.twosamples import compared, difference, moments, shuffled
from routing import weights
from routing.learned import Learned

ALPHA, BETA = "alpha/alpha-1", "beta/beta-1"
SHARE = 0.1


def costs(rng, number, scale=1.0, skew=1.0):
    """A few conversations cost most of the money."""
    return [scale * rng.lognormvariate(0, skew) for _ in range(number)]


# --- two groups


@pytest.mark.parametrize(("held", "routed", "skew"), [(40, 400, 1.0), (60, 3000, 1.5), (150, 1500, 0.5)])
def test_intervals_hold_the_truth_95_times_in_a_hundred_however_skewed_costs_are(held, routed, skew):
    rng, times, within = Random(21), 400, 0
    truth = 0.5 * 2.718281828 ** (skew**2 / 2)  # the baseline costs half as much again
    for _ in range(times):
        found = difference(moments(costs(rng, held, 1.5, skew)), moments(costs(rng, routed, 1.0, skew)))
        within += found.low <= truth <= found.high
    assert 0.92 <= within / times <= 0.98, within / times


def test_where_there_is_nothing_to_find_shuffled_labels_look_the_same():
    rng, times, as_large = Random(9), 120, 0
    for _ in range(times):
        as_large += shuffled(costs(rng, 30), costs(rng, 300), rng).as_large <= 0.05
    assert as_large / times <= 0.09


def test_where_there_is_something_shuffled_labels_do_not_show_it():
    rng = Random(10)
    found = compared(costs(rng, 300, 3.0), costs(rng, 3000), precision=0.1, seed=1)
    assert found.shuffled.as_large < 0.01
    assert found.shuffled.quantiles[0] < 0 < found.shuffled.quantiles[-1] < found.difference.low
    assert found.shuffled.quantiles == sorted(found.shuffled.quantiles)
    assert found.more_conversations == 0


def test_the_same_seed_gives_the_same_control():
    rng = Random(11)
    one, other = costs(rng, 30), costs(rng, 300)
    assert compared(one, other, precision=0.1, seed=5) == compared(one, other, precision=0.1, seed=5)


def test_which_group_comes_first_turns_the_sign_and_nothing_else():
    rng = Random(12)
    one, other = costs(rng, 50, 2.0), costs(rng, 400)
    there, back = (compared(*pair, precision=0.1, seed=5).difference for pair in ((one, other), (other, one)))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_what_is_missing_is_about_what_it_takes():
    rng = Random(13)
    found = compared(costs(rng, 30, 1.2), costs(rng, 1000), precision=0.1, seed=1)
    assert found.more_conversations > 0 and found.difference.low < 0 < found.difference.high
    more = 30 + found.more_conversations
    enough = compared(costs(rng, more, 1.2), costs(rng, more * 33, 1.0), precision=0.1, seed=1)
    assert enough.difference.high - enough.difference.low < 2.5 * max(abs(found.difference.value), 0.1 * found.other)


def test_without_variance_there_is_no_doubt():
    found = compared([0.0] * 30, [0.0] * 300, precision=0.1, seed=1)
    assert (found.difference.low, found.difference.high, found.more_conversations) == (0, 0, 0)
    assert found.shuffled.as_large == 1


# --- a tenant's conversations


@pytest.fixture
def recorded(ask, scripted_only, logged, period):
    """A request, as it was recorded."""
    ask(strategy="cost")
    assert len(logged(tenant=scripted_only.tenant)) == 1
    return next(decided(str(scripted_only.tenant.pk), period.since, period.until))


def drawn(row, lot):
    """Below SHARE its conversation is held back."""
    question = replace(row.decision.question, lot=lot)
    return replace(row, decision=replace(row.decision, question=question, seen=replace(row.decision.seen, learned=1)))


def meter(rows, rewards, period):
    return measured(rows, period.since, period.until, rewards, lambda version: SHARE if version else 0.0)


@pytest.fixture
def conversations(recorded):
    """Two turns each; one in ten is held back, and costs ten times as much."""

    def conversations(number, rng, better=0.0):
        rows, rewards = [], {}
        for name in range(number):
            held = name % 10 == 0
            for turn in range(2):
                cost = int(recorded.cost * rng.uniform(0.5, 1.5) * (10 if held else 1))
                row = replace(recorded, request_id=f"{name}-{turn}", conversation=f"c{name}", cost=cost)
                rows.append(drawn(replace(row, model=BETA if held else ALPHA), 0.001 if held else 0.5))
                rewards[row.request_id] = (float(rng.random() < (0.6 + better if held else 0.6)), 1.0)
        return rows, rewards

    return conversations


def test_what_routing_saves_and_what_it_costs_in_quality(conversations, recorded, period):
    rows, rewards = conversations(3000, Random(1), better=0.2)
    found = meter(rows, rewards, period)
    assert (found.held_back, found.baseline) == (300, {BETA: 600})
    assert found.routed == 2700
    each = 2 * recorded.cost / 1e12
    assert found.saved_usd.difference.low < 9 * each < found.saved_usd.difference.high
    assert found.saved_usd.shuffled.as_large < 0.01
    assert found.saved_in_all_usd == pytest.approx(9 * each * found.routed, rel=0.05)
    assert found.quality.difference.low < -0.2 < found.quality.difference.high < 0
    assert found.in_words == []
    told = savings_table(found)
    assert "with shuffled labels" in told and "gained by routing" in told


def test_with_few_conversations_it_cannot_tell_yet_and_says_how_many_it_would_take(conversations, period):
    rows, rewards = conversations(100, Random(2))
    found = meter(rows, rewards, period)
    assert isinstance(found.saved_usd.difference, CannotTell)
    assert found.saved_usd.difference.more_conversations == 10
    assert "about 10 more conversations" in found.in_words[0]
    assert "Cannot tell yet" in savings_table(found)


def test_without_a_baseline_there_is_nothing_to_compare_with(conversations, period):
    rows, rewards = conversations(100, Random(3))
    routed = [drawn(row, 0.5) for row in rows]
    found = meter(routed, rewards, period)
    assert found.in_words[0] == "Cannot tell: no conversation was held back on a baseline."
    assert found.saved_in_all_usd == 0


def test_a_conversation_that_changed_sides_is_left_out(conversations, period):
    rows, rewards = conversations(300, Random(4))
    rows[1] = drawn(rows[1], 0.5)
    found = meter(rows, rewards, period)
    assert (found.mixed, found.held_back) == (1, 29)


def test_while_nobody_was_held_back_nothing_is_compared(conversations, recorded, period):
    """Other days, other work: there was no baseline then."""
    rows, rewards = conversations(300, Random(5))
    before = [replace(recorded, request_id=f"before {number}") for number in range(100)]
    found = meter([*before, *rows], rewards, period)
    assert (found.held_back, found.routed) == (30, 270)


def test_the_share_of_the_time_says_who_was_held_back(recorded, scripted_only, capsys):
    tenant = str(scripted_only.tenant.pk)
    version = weights.publish(tenant, Learned(version=0, baseline=BETA, held_back=SHARE), b"", reason="test")
    row = RequestLog.objects.get(tenant=scripted_only.tenant)
    row.decision["seen"]["learned"], row.decision["question"]["lot"] = version, 0.01
    row.save()
    call_command("savings", tenant="Acme", json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["held_back"], found["routed"]) == (1, 0)
    assert found["saved_usd"]["difference"]["told"] == "cannot_tell"


def test_from_the_command_line(recorded, capsys):
    call_command("savings", tenant="Acme")
    assert "no conversation was held back" in capsys.readouterr().out
    call_command("savings", tenant="Acme", since="24h", json=True)
    assert json.loads(capsys.readouterr().out)["held_back"] == 0
