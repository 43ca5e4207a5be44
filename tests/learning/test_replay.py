"""What would another strategy have done? Asked at the front door, recorded, and made again from the database."""

from __future__ import annotations

import json
from random import Random

import pytest
from django.core.management import CommandError, call_command
from msgspec.structs import replace

from gateway.models import RequestLog
from gateway.records import READ_AT_ONCE, decided
from learning.intervals import CannotTell, Estimate
from learning.models import CountedVote
from learning.replay import judged, replay
from learning.tables import replay_table
from learning.targets import Target, World, logged_propensities
from routing import weights
from routing.learned import Known, Learned
from routing.models import LearnedWeights, TenantStrategy
from routing.refusals import UnknownStrategy
from routing.rules import Parts, Rules
from routing.snapshot import catalog
from routing.types import Incumbent, SpendLimit
from tests.learning.conftest import PROMPTS

ALPHA, BETA = "alpha/alpha-1", "beta/beta-1"  # as good as each other; beta costs ten times as much
MOST, MANY = 60, 4000
BUDGET = SpendLimit(id="x", owner="tenant", period="day", unit="usd", size=10**9)


@pytest.fixture
def drawn(ask, scripted_only, logged):
    """Requests for which either model was drawn, each with probability one half."""
    TenantStrategy.objects.create(tenant=scripted_only.tenant, name="even", parts={"quality": 1})
    for number in range(MOST):
        ask(PROMPTS[number % 2], strategy="even", session=f"conversation {number}")
    return logged(tenant=scripted_only.tenant)


@pytest.fixture
def judge(drawn, scripted_only, period):
    def judge(**target):
        return replay(str(scripted_only.tenant.pk), Target(**target), period.since, period.until)

    return judge


@pytest.fixture
def rows(drawn, scripted_only, period):
    return list(decided(str(scripted_only.tenant.pk), period.since, period.until))


def usd(*rows):
    return float(sum(row.cost_usd for row in rows))


# --- exact


def test_what_served_is_found_again_at_its_own_price(judge, drawn):
    found = judge()
    assert (found.exact.requests, found.exact.same_model, found.exact.moved) == (MOST, MOST, 0)
    assert found.exact.recorded_usd == found.exact.unmoved_usd == pytest.approx(usd(*drawn))
    assert found.modelled.cost_usd.low == found.modelled.cost_usd.high == pytest.approx(usd(*drawn))
    assert found.modelled.saved_usd.value == pytest.approx(0)


def test_what_last_week_would_have_cost_under_cost(judge, drawn):
    found = judge(strategy="cost")
    dear = [row for row in drawn if row.model == BETA]
    assert 0 < len(dear) < MOST
    assert found.exact.recorded_models == {ALPHA: MOST - len(dear), BETA: len(dear)}
    assert found.exact.target_models == {ALPHA: MOST}
    assert (found.exact.same_model, found.exact.moved) == (MOST - len(dear), len(dear))
    assert found.exact.moved_usd == pytest.approx(usd(*dear))
    # 10 tokens of input at 1 USD a million, 5 of output at 2
    assert found.exact.moved_at_list_usd == pytest.approx(len(dear) * 20e-6)
    assert found.modelled.cost_usd.low <= found.exact.unmoved_usd + len(dear) * 20e-6 <= found.modelled.cost_usd.high
    assert found.modelled.saved_usd.low > 0
    assert found.modelled.lengths[ALPHA].n == MOST - len(dear)


def test_every_way_of_saying_what_is_to_be_judged(judge):
    assert judge(tradeoff=0.0).exact.target_models == {ALPHA: MOST}
    assert judge(parts=Parts(quality=1, draws=False)).exact.target_models == {ALPHA: MOST}
    assert judge(rules=Rules(allow=frozenset({"beta"}))).exact.target_models == {BETA: MOST}
    own = {"mine": Parts(cost=1.0, quality=0.0)}
    assert judge(strategy="mine", strategies=own).exact.target_models == {ALPHA: MOST}
    with pytest.raises(UnknownStrategy, match="even better"):
        judge(strategy="even better")
    with pytest.raises(UnknownStrategy, match="tradeoff"):
        judge(strategy="cost", tradeoff=1.0)


def test_whom_rules_leave_nobody_is_counted_with_the_reason_and_not_called_saved(judge, drawn):
    found = judge(rules=Rules(allow=frozenset({"nobody"})))
    assert found.exact.refused == {"not on the tenant's list of allowed models": MOST}
    assert found.exact.refused_usd == pytest.approx(usd(*drawn))
    assert (found.exact.recorded_usd, found.modelled.saved_usd.value) == (0, 0)


def test_what_a_budget_would_have_refused(judge, drawn):
    """The size of a hundred dear answers, or a thousand cheap ones: spent on the way, in order."""
    spent = int(sum(row.cost_usd for row in drawn) * 10**12)
    found = judge(strategy="cost", budgets=(replace(BUDGET, size=spent // 2),))
    assert found.exact.budgets[0].recorded > 0 and found.exact.budgets[0].target == 0
    assert judge(budgets=(replace(BUDGET, unit="tokens", size=15 * 20),)).exact.budgets[0].recorded == MOST - 20


def test_what_the_caller_chose_is_left_out(ask, judge, logged, scripted_only):
    ask(model=BETA)
    logged(tenant=scripted_only.tenant)
    assert (judge().exact.named, judge().exact.requests) == (1, MOST)


def test_what_cannot_be_read_is_told(judge, drawn):
    RequestLog.objects.filter(pk=drawn[0].pk).update(decision={"form": "of another release", "seen": {}})
    RequestLog.objects.filter(pk=drawn[1].pk).update(decision=drawn[1].decision | {"snapshot_version": "gone"})
    RequestLog.objects.filter(pk=drawn[2].pk).update(status="error")
    found = judge().exact
    assert (found.unreadable, found.unanswered, found.requests) == (2, 1, MOST - 3)


def test_conversations_on_the_baseline_are_not_judged(judge, drawn):
    for row in drawn[:7]:
        row.decision["seen"]["held_back"] = True
        row.save()
    assert (judge().exact.held_back, judge().exact.requests) == (7, MOST - 7)


def test_another_tenant_s_requests_are_not_read(drawn, period):
    from tests.factories import TenantFactory

    stranger = TenantFactory(name="Stranger")
    found = replay(str(stranger.pk), Target(strategy="cost"), period.since, period.until)
    assert found.exact.requests == found.exact.named == 0
    assert "No automatic decisions" in replay_table(found)


def test_all_rows_are_read_in_order_a_chunk_at_a_time(drawn, scripted_only, period):
    first = drawn[0]
    more = [
        RequestLog(
            **{f.attname: getattr(first, f.attname) for f in RequestLog._meta.fields if f.name not in ("id", "request_id")}
        )
        for _ in range(READ_AT_ONCE + 50)
    ]
    for number, row in enumerate(more):
        row.request_id = f"copy-{number}"
    RequestLog.objects.bulk_create(more)  # all of the same moment
    read = [row.request_id for row in decided(str(scripted_only.tenant.pk), period.since, period.until)]
    assert len(read) == len(set(read)) == MOST + len(more)


# --- causal


def many(rows, rng):
    """Of those that were recorded, more of the same; beta's answers are better."""
    quality = {ALPHA: 0.6, BETA: 0.8}
    more, rewards = [], {}
    for number in range(MANY):
        row = replace(rng.choice(rows), request_id=f"r{number}", conversation=f"c{number}")
        more.append(row)
        if rng.random() < 0.5:
            rewards[row.request_id] = (float(rng.random() < quality[row.first.model]), 1.0)
    return more, rewards


def test_quality_comes_from_what_was_tried(rows, period):
    more, rewards = many(rows, Random(4))
    causal = judged(more, Target(strategy="cost"), period.since, period.until, rewards=rewards).causal
    for found in (causal.snips, causal.doubly_robust):
        assert found.target.value == pytest.approx(0.6, abs=0.05)
        assert found.difference.high < 0
    assert causal.rated == len(rewards) == causal.snips.target.n
    assert causal.snips.target.effective_sample_size == pytest.approx(
        sum(row.request_id in rewards for row in more if row.first.model == ALPHA)
    )


def test_what_serves_already_is_worth_the_mean_reward(rows, period):
    more, rewards = many(rows, Random(5))
    found = judged(more, Target(), period.since, period.until, rewards=rewards).causal.snips
    assert found.target.value == pytest.approx(sum(reward for reward, _ in rewards.values()) / len(rewards))
    assert (found.difference.low, found.difference.high) == pytest.approx((0, 0), abs=1e-9)


def test_what_was_never_tried_cannot_be_told(rows, period):
    cheap = [replace(row, decision=_only(row, ALPHA)) for row in rows if row.first.model == ALPHA]
    rewards = {row.request_id: (1.0, 1.0) for row in cheap}
    target = Target(rules=Rules(allow=frozenset({"beta"})))
    found = judged(cheap, target, period.since, period.until, rewards=rewards)
    assert isinstance(found.causal.snips.target, CannotTell) and found.causal.snips.target.why == "never_tried"
    assert "Cannot tell" in replay_table(found)


def _only(row, model):
    ranked = [replace(one, propensity=float(one.model == model)) for one in row.decision.ranked]
    return replace(row.decision, ranked=ranked)


def test_a_turn_that_hung_on_the_one_before_carries_its_ratio(rows, period):
    """Drawn once, then kept: all turns of a conversation went to alpha with probability one half, not one."""
    first = next(row for row in rows if row.first.model == ALPHA)
    second_question = replace(first.decision.question, incumbent=Incumbent(model=ALPHA, cached_tokens=0))
    second = replace(first, decision=replace(_only(first, ALPHA), question=second_question))
    other = next(row for row in rows if row.first.model == BETA)
    more, rewards = [], {}
    for number in range(40):
        turns = (first, second) if number % 2 else (other,)
        for turn, row in enumerate(turns):
            more.append(replace(row, request_id=f"{number}-{turn}", conversation=f"c{number}"))
            rewards[more[-1].request_id] = (float(turn), 1.0)
    target = Target(strategy="even", strategies={"even": Parts(quality=1)})
    kept = judged(more, target, period.since, period.until, rewards=rewards).causal.snips.target
    cheapest = judged(more, Target(strategy="cost"), period.since, period.until, rewards=rewards).causal.snips.target
    assert kept.value == pytest.approx(20 / 60) and cheapest.value == pytest.approx(1 / 2)
    assert cheapest.clusters == 40 and isinstance(cheapest, Estimate)


def test_a_conversation_is_followed_where_the_target_would_have_led_it(rows, period):
    """Its first turn would have gone to alpha, so it is alpha's cache that the second turn finds, not beta's."""
    first = next(row for row in rows if row.first.model == BETA)
    question = replace(first.decision.question, incumbent=Incumbent(model=BETA, cached_tokens=9))
    second = replace(first, request_id="second", conversation="c", decision=replace(first.decision, question=question))
    turns = [replace(first, conversation="c"), second]
    followed = judged(turns, Target(strategy="cost"), period.since, period.until).modelled
    alone = judged([replace(row, conversation="") for row in turns], Target(strategy="cost"), period.since, period.until).modelled
    assert followed.cost_usd.value == pytest.approx(alone.cost_usd.value - 9 * 0.9e-6 * followed.cache_hits.value)


def test_votes_are_the_feedback(judge, drawn, scripted_only):
    kept = {"tenant": scripted_only.tenant, "query_type": "code", "weight": 1.0, "expected": 0.5, "clock": 0.0}
    CountedVote.objects.bulk_create(
        CountedVote(request_id=row.request_id, model=row.model, reward=float(row.model == ALPHA), **kept) for row in drawn
    )
    found = judge(strategy="cost").causal
    assert (found.rated, found.requests) == (MOST, MOST)
    assert found.snips.incumbent.value == pytest.approx(sum(row.model == ALPHA for row in drawn) / MOST)


def test_propensities_are_those_of_conversations_that_were_routed(judge, drawn, scripted_only, period):
    """What was kept counts those held back, too: a twentieth of all went to beta for that alone."""
    learned = Learned(version=0, baseline=BETA, held_back=0.05)
    version = weights.publish(str(scripted_only.tenant.pk), learned, b"", reason="test")
    for row in drawn:
        row.decision["seen"]["learned"] = version
        for one in row.decision["ranked"]:
            one[2] = one[2] * 0.95 + (0.05 if one[0] == BETA else 0)
        row.save()
    first = next(iter(decided(str(scripted_only.tenant.pk), period.since, period.until)))
    assert sorted(one.propensity for one in first.decision.ranked) == pytest.approx([0.475, 0.525])
    world = World(catalog(), weights.version_of(str(scripted_only.tenant.pk), version))
    assert logged_propensities(first, world) == {ALPHA: 0.5, BETA: 0.5}
    assert judge().exact.same_model == MOST
    LearnedWeights.objects.all().delete()
    assert judge().exact.unreadable == MOST


def test_a_version_of_what_was_learned_is_judged(judge, scripted_only):
    """It believes beta to be much better at everything."""
    learned = Learned(version=7, models={BETA: Known(shift=0.15), ALPHA: Known(shift=-0.3)})
    found = judge(strategy="quality", learned=learned)
    assert found.exact.target_models == {BETA: MOST} and "version 7" in found.target


# --- from the command line


def test_from_the_command_line(drawn, capsys):
    call_command("replay", tenant="Acme", strategy="cost")
    told = capsys.readouterr().out
    assert "under: cost" in told and "EXACT" in told and "MODELLED" in told and "CAUSAL" in told
    call_command("replay", tenant="Acme", tradeoff=2.0, since="24h", budget=0.000001, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["exact"]["requests"] == MOST and found["exact"]["budgets"][0]["recorded"] > 0
    assert found["causal"]["snips"]["target"]["told"] == "cannot_tell"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "best"}, "no strategy 'best'"),
        ({"since": "lately"}, "no time"),
        ({"parts": "{"}, "truncated"),
        ({"rules": '{"denied": []}'}, "denied"),
        ({"tenant": "Nobody"}, "no tenants"),
        ({"weights_version": 3}, "no version 3"),
    ],
)
def test_what_cannot_be_judged_is_told_in_a_sentence(scripted_only, options, words):
    with pytest.raises(CommandError, match=words):
        call_command("replay", **{"tenant": "Acme", **options})
