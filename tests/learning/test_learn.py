"""learn(): each outcome and each word of feedback counts once, whatever crashes; what is believed is published."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections

from gateway.models import RequestLog
from learning import counting, learn, publishing
from learning.models import CountedVote, Feedback, SharedArm, TenantLearning
from learning.sharing import share
from routing import weights
from tests.factories import ApiKeyFactory, TenantFactory
from tests.learning.conftest import attempt, classification

TYPE = classification().query_type


def state(tenant):
    return TenantLearning.objects.get(tenant=tenant)


def believed(tenant):
    return learn.read(state(tenant))


def votes(tenant, model="alpha/alpha-1"):
    cell = believed(tenant).quality.cells.get(TYPE, {}).get(model)
    return 0.0 if cell is None else cell.count


def served(tenant):
    return weights.served([str(tenant.pk)]).get(str(tenant.pk))


def test_outcomes_are_learned_once(acme, ended):
    for _ in range(5):
        ended()
    assert learn.learn() == 5
    first = bytes(state(acme.tenant).beliefs)
    assert learn.learn() == 0
    assert bytes(state(acme.tenant).beliefs) == first
    assert state(acme.tenant).outcomes == 5


def test_a_batch_at_a_time(acme, ended):
    for _ in range(7):
        ended()
    assert [learn.learn(limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert state(acme.tenant).outcomes == 7


@pytest.mark.parametrize("more", [{"is_test": True}, {"status": "client_gone"}, {"status": "orphaned"}, {"status": "refused"}])
def test_what_teaches_nothing_is_passed_over_and_done_with(acme, ended, more):
    ended(**more)
    assert learn.learn() == 1
    assert state(acme.tenant).outcomes == 0
    assert not RequestLog.objects.filter(learned=False).exists()


def test_what_is_kept_in_a_form_of_another_release_does_no_harm(acme, ended):
    ended(classification={"of": "old"}, attempts=[{"who": "knows"}])
    ended()
    assert learn.learn() == 2
    assert state(acme.tenant).outcomes == 1


def test_feedback_is_counted_with_its_request_whichever_comes_first(acme, ended, say):
    late, early = ended(), ended()
    learn.learn()
    say(late, rating=5)
    assert learn.learn() == 1
    row = early
    RequestLog.objects.filter(pk=row.pk).delete()  # it is still on its way
    say(row, thumb="down")
    assert learn.learn() == 0 and Feedback.objects.get(signal="thumb").waiting
    row.pk = None
    row.save()
    learn.learn()
    assert votes(acme.tenant) == pytest.approx(1.7, abs=0.01)


def test_the_last_word_counts_and_only_once(acme, ended, say):
    row = ended()
    say(row, rating=5)
    learn.learn()
    glad = believed(acme.tenant).quality.cells[TYPE]["alpha/alpha-1"].surprise
    for _ in range(3):
        say(row, rating=1)
        learn.learn()
    cell = believed(acme.tenant).quality.cells[TYPE]["alpha/alpha-1"]
    assert cell.count == pytest.approx(0.9, abs=0.01) and cell.surprise < 0 < glad
    assert CountedVote.objects.count() == Feedback.objects.count() == 1


def test_several_signals_of_one_request_are_one_vote(acme, ended, say):
    row = ended()
    say(row, rating=5, thumb="up", score=1.0, metrics={"passed": 1.0, "fast": 0.5})
    learn.learn()
    assert CountedVote.objects.count() == 1
    assert votes(acme.tenant) == pytest.approx(1.0)


def test_no_tenant_moves_another_s(acme, ended, say):
    stranger = TenantFactory()
    theirs = ended(tenant=stranger, key=ApiKeyFactory(tenant=stranger))
    ended()
    learn.learn()
    before = bytes(state(stranger).beliefs)
    for _ in range(20):
        say(ended(), score=0.0)
    learn.learn()
    assert bytes(state(stranger).beliefs) == before
    Feedback.objects.create(tenant=acme.tenant, request_id=theirs.request_id, signal="score", value=0.0)
    assert learn.learn() == 0, "it names a request that is not its tenant's"


@pytest.mark.parametrize("broken", ["count", "publish", "outcome", "learned"])
def test_a_crash_anywhere_leaves_everything_as_it_was(acme, ended, say, monkeypatch, broken):
    for _ in range(3):
        say(ended(), score=0.2)
    place = {
        "count": (counting, "done"),
        "publish": (publishing, "publish_if_moved"),
        "outcome": (learn, "_outcome"),
        "learned": (learn.records, "learned"),
    }[broken]

    def die(*_):
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(*place, die)
        with pytest.raises(RuntimeError, match="killed here"):
            learn.learn()
    assert not CountedVote.objects.exists() and served(acme.tenant) is None
    assert learn.learn() == 6
    assert (state(acme.tenant).outcomes, state(acme.tenant).votes) == (3, 3)
    assert votes(acme.tenant) == pytest.approx(3.0, abs=0.01)


def test_workers_side_by_side_count_each_once(acme, ended, say):
    for _ in range(40):
        say(ended(), score=0.7)
    failed = []

    def work():
        try:
            while learn.learn(limit=5):
                pass
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    while learn.learn():
        pass
    assert not failed
    assert (state(acme.tenant).outcomes, CountedVote.objects.count()) == (40, 40)
    assert votes(acme.tenant) == pytest.approx(40, rel=0.03), connection.vendor


# --- publishing


def test_what_moved_is_published_and_served(acme, ended, say):
    for _ in range(15):
        say(ended(), score=0.0)
    learn.learn()
    known = served(acme.tenant)
    assert known.version == 1
    assert known.of(TYPE)["alpha/alpha-1"].shift < -0.1


def test_what_did_not_move_makes_no_version(acme, ended, monkeypatch):
    monkeypatch.setattr(publishing, "AT_MOST_EVERY", publishing.AT_MOST_EVERY * 0)
    for _ in range(300):
        ended()
    while learn.learn(limit=50):
        pass
    first = served(acme.tenant).version
    for _ in range(2):
        ended()
        learn.learn()
    assert served(acme.tenant).version == first


def test_who_does_not_want_to_learn_does_not(acme, ended, say):
    TenantLearning.objects.create(tenant=acme.tenant, learns=False)
    say(ended(), score=0.0)
    assert learn.learn() == 2
    assert (state(acme.tenant).outcomes, CountedVote.objects.count(), served(acme.tenant)) == (0, 0, None)
    assert learn.learn() == 0


def test_a_tenant_that_is_gone_stops_nobody(acme, ended):
    gone = TenantFactory(is_active=False)
    ended(tenant=gone, key=ApiKeyFactory(tenant=gone))
    ended()
    assert learn.learn() == 2
    assert state(acme.tenant).outcomes == 1


# --- whom to trust


def test_a_key_that_lies_is_found_and_its_votes_are_taken_back(acme, ended, say):
    keys = [ApiKeyFactory(tenant=acme.tenant) for _ in range(3)]
    for n in range(25):
        for key, score in zip(keys, (0.9, 0.9, 0.0), strict=True):
            say(ended(key=key), score=score)
        if n % 5 == 0:
            learn.learn()
    learn.learn()
    found = state(acme.tenant)
    assert found.distrusted == [str(keys[2].pk)]
    assert not CountedVote.objects.filter(api_key_id=str(keys[2].pk)).exists()
    assert believed(acme.tenant).quality.cells[TYPE]["alpha/alpha-1"].surprise > 0
    say(ended(key=keys[2]), score=0.0)
    learn.learn()
    assert not CountedVote.objects.filter(api_key_id=str(keys[2].pk)).exists()


# --- what was not said


def test_the_same_question_again_is_noticed_and_counts_for_nothing_at_first(acme, ended):
    first = ended(asked="q" * 24)
    ended(asked="q" * 24)
    learn.learn()
    said = Feedback.objects.get()
    assert (said.request_id, said.signal, said.value) == (first.request_id, "repeated", 0.0)
    assert not CountedVote.objects.exists()


def test_the_last_question_in_other_words_is_noticed(acme, ended):
    first = ended(asked="a" * 24, before="h" * 24)
    ended(asked="b" * 24, before="h" * 24)
    learn.learn()
    assert Feedback.objects.get().signal == "reworded" and Feedback.objects.get().request_id == first.request_id


def test_it_counts_where_it_has_foretold_what_was_said(acme, ended, say):
    from learning.power import weigh

    for n in range(20):
        row = ended(asked=f"{n:024}")
        if n < 10:
            ended(asked=f"{n:024}")
        say(row, score=0.1 if n < 10 else 0.9)
        learn.learn()
    weigh()
    assert state(acme.tenant).power["repeated"] > 0.2
    ended(asked="z" * 24)
    ended(asked="z" * 24)
    before = CountedVote.objects.count()
    learn.learn()
    assert CountedVote.objects.count() == before + 1
    assert CountedVote.objects.latest("pk").weight < 0.2


# --- shared


def teach(ended, say, tenants, score):
    for tenant in tenants:
        key = ApiKeyFactory(tenant=tenant)
        for _ in range(6):
            say(ended(tenant=tenant, key=key), score=score)
            say(ended(attempt(model="beta/beta-1", provider="beta"), tenant=tenant, key=key), score=0.6)
    learn.learn()


def test_what_four_tenants_know_stays_with_them_and_what_five_know_is_shared_as_counts(acme, ended, say):
    tenants = [TenantFactory() for _ in range(5)]
    teach(ended, say, tenants[:4], 1.0)
    assert share() == 0
    teach(ended, say, tenants[4:], 1.0)
    assert share() == 2
    shared = SharedArm.objects.get(model="alpha/alpha-1")
    assert (shared.tenants, shared.query_type) == (5, TYPE) and shared.surprise > 0
    ended()
    learn.learn()
    assert served(acme.tenant).of(TYPE)["alpha/alpha-1"].shift > 0, "who has no feedback of its own takes theirs"


def test_who_does_not_give_is_not_in_it_and_who_does_not_take_gets_nothing(acme, ended, say):
    tenants = [TenantFactory() for _ in range(6)]
    teach(ended, say, tenants, 1.0)
    TenantLearning.objects.filter(tenant=tenants[0]).update(gives=False)
    share()
    assert set(SharedArm.objects.values_list("tenants", flat=True)) == {5}
    TenantLearning.objects.filter(tenant=tenants[1]).update(gives=False)
    assert share() == 0 and not SharedArm.objects.exists()
    TenantLearning.objects.filter(tenant__in=tenants).update(gives=True)
    share()
    TenantLearning.objects.create(tenant=acme.tenant, takes=False)
    ended()
    learn.learn()
    known = served(acme.tenant)
    assert known is None or abs(known.of(TYPE)["alpha/alpha-1"].shift) < 0.01
