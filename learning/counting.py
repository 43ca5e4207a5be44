"""What does feedback come to? One vote a request, counted once, taken back when somebody says something else."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from gateway import records
from gateway.records import Asked, Ended
from learning import beliefs as believing
from learning.beliefs import Beliefs, Vote
from learning.models import CountedVote, Feedback, TenantLearning
from learning.reward import Reward, of_signals
from routing.quality import predict, prior
from routing.snapshot import catalog

AT_ONCE = timedelta(minutes=2)  # the same question, again
REMEMBERED = 5000  # votes: the ones before have faded to a hundredth
SOON = timedelta(minutes=5)  # the last question, in other words

log = logging.getLogger("routeplex.learning")


def waiting(limit: int) -> list[Feedback]:
    """By tenant; of requests that are over. In a transaction: they are nobody else's until it is over."""
    rows = Feedback.objects.select_for_update(skip_locked=True, of=("self",)).filter(records.there(), waiting=True)
    return sorted(rows.order_by("given_at")[:limit], key=lambda row: str(row.tenant_id))


def done(said: Iterable[Feedback]) -> None:
    Feedback.objects.filter(pk__in=[row.pk for row in said]).update(waiting=False)


def count(state: TenantLearning, beliefs: Beliefs, said: Sequence[Feedback]) -> int:
    """How many votes were counted or changed. Keys that turn out to be odd are distrusted from here on."""
    tenant_id = str(state.tenant_id)
    rows = records.of_tenant(tenant_id, {one.request_id for one in said})
    signals = _signals(tenant_id, rows.keys())
    before = {vote.request_id: vote for vote in CountedVote.objects.filter(tenant_id=tenant_id, request_id__in=rows.keys())}
    votes: list[CountedVote] = []
    changed = 0
    for request_id, row in rows.items():
        vote = _recount(state, beliefs, row, signals.get(request_id, ()), before.get(request_id))
        changed += vote is not None or request_id in before
        if vote is not None:
            votes.append(vote)
            if believing.odd(beliefs, vote.api_key_id) is not None:
                _keep(votes)
                votes = []
                distrust(state, beliefs, vote.api_key_id)
    _keep(votes)
    done(said)
    return changed


def _signals(tenant_id: str, request_ids: Iterable[str]) -> Mapping[str, Sequence[Feedback]]:
    found: dict[str, list[Feedback]] = {}
    for one in Feedback.objects.filter(tenant_id=tenant_id, request_id__in=list(request_ids), counts=True).order_by(
        "given_at", "pk"
    ):
        found.setdefault(one.request_id, []).append(one)
    return found


def _recount(
    state: TenantLearning, beliefs: Beliefs, row: Ended, signals: Sequence[Feedback], before: CountedVote | None
) -> CountedVote | None:
    """The vote that stands now; None where nothing that counts is said any more."""
    if before is not None:
        believing.taken_back(beliefs, vote_of(before))
    trusted = [one for one in signals if key_of(one) not in state.distrusted]
    reward = of_signals([(one.signal, one.value) for one in trusted], state.power)
    if reward is None or row.classification is None or not row.model or row.test:
        if before is not None:
            before.delete()
        return None
    vote = believing.counted(beliefs, _vote(row, reward, key_of(trusted[-1])))
    return CountedVote(
        tenant_id=state.tenant_id, request_id=row.request_id, api_key_id=vote.key, query_type=vote.query_type, model=vote.model,
        reward=vote.reward, weight=vote.weight, expected=vote.expected, clock=vote.clock, alarms=vote.alarms,
    )  # fmt: skip


def _vote(row: Ended, reward: Reward, key: str) -> Vote:
    assert row.classification is not None
    expected = predict(prior(catalog()), row.model, row.classification).mean
    return Vote(query_type=row.query_type, model=row.model, reward=reward.value, weight=reward.weight, expected=expected, key=key)


_COUNTED = ("api_key_id", "query_type", "model", "reward", "weight", "expected", "clock", "alarms", "counted_at")


def _keep(votes: Sequence[CountedVote]) -> None:
    """Each in place of the one that was counted for its request before."""
    unique = ("tenant", "request_id")
    CountedVote.objects.bulk_create(votes, update_conflicts=True, unique_fields=unique, update_fields=_COUNTED)


def vote_of(kept: CountedVote) -> Vote:
    return Vote(
        query_type=kept.query_type,
        model=kept.model,
        reward=kept.reward,
        weight=kept.weight,
        expected=kept.expected,
        key=kept.api_key_id,
        clock=kept.clock,
        alarms=kept.alarms,
    )


def votes_of(tenant_id: str, *, but: str) -> list[Vote]:
    """All but this key's, as far back as they have not faded, in the order in which they were counted."""
    rows = CountedVote.objects.filter(tenant_id=tenant_id).exclude(api_key_id=but).order_by("-clock")[:REMEMBERED]
    return [vote_of(kept) for kept in reversed(rows)]


def key_of(one: Feedback) -> str:
    """Whose vote it is: an API key's, or a person's."""
    return str(one.api_key_id) if one.api_key_id else f"user {one.user_id}" if one.user_id else "nobody"


# --- whom to trust


def distrust(state: TenantLearning, beliefs: Beliefs, key: str) -> None:
    """From here on this key's feedback is not counted, and what was counted of it is taken back, until a person says so."""
    state.distrusted = sorted({*state.distrusted, key})
    CountedVote.objects.filter(tenant_id=state.tenant_id, api_key_id=key).delete()
    without = believing.rebuilt(beliefs, votes_of(str(state.tenant_id), but=key))
    beliefs.quality, beliefs.keys = without.quality, without.keys
    log.warning(
        "tenant %s: the feedback of %s says something else than all others' and is not counted any more", state.tenant_id, key
    )


def trust(state: TenantLearning, key: str) -> None:
    """A person has looked at it: what this key has said is counted again with the next batch."""
    state.distrusted = [one for one in state.distrusted if one != key]
    person = key.startswith("user ")
    try:
        name = UUID(key.removeprefix("user "))
    except ValueError:
        return
    said = Feedback.objects.filter(tenant_id=state.tenant_id)
    (said.filter(user_id=name) if person else said.filter(api_key=name)).update(waiting=True)


# --- what was not said


def unsaid(state: TenantLearning, ended: Sequence[Ended]) -> list[Feedback]:
    """The requests of which a later one says that their answer was not what was wanted, as feedback of that kind. It counts
    as far as it has foretold what was said by this tenant (learning/power.py): at first not at all."""
    new = [row for row in ended if row.asked and not row.test]
    if not new:
        return []
    implied = dict(_implied(records.alike(str(state.tenant_id), new, SOON), {row.request_id for row in new}))
    said = [
        Feedback(tenant_id=state.tenant_id, request_id=name, signal=signal, value=0.0, api_key_id=key, waiting=False)
        for (name, signal), key in implied.items()
    ]
    Feedback.objects.bulk_create(said, ignore_conflicts=True)
    return said


def _implied(rows: Sequence[Asked], new: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """Request and signal, and whose key it was. `rows` in their order."""
    same: dict[tuple[str, str], Asked] = {}
    point: dict[tuple[str, str], Asked] = {}
    for row in rows:
        as_asked, as_put = same.get((row.key_id, row.asked)), point.get((row.key_id, row.before)) if row.before else None
        if row.request_id in new:
            if as_asked is not None and row.received_at - as_asked.received_at <= AT_ONCE:
                yield (as_asked.request_id, "repeated"), row.key_id
            if as_put is not None and row.asked != as_put.asked and row.received_at - as_put.received_at <= SOON:
                yield (as_put.request_id, "reworded"), row.key_id
        same[row.key_id, row.asked] = point[row.key_id, row.before] = row
