"""All that is believed of one tenant's work, as one value: outcomes in, what routing is told out. Pure.

quality, reliability   learning/bandit.py, once for each question that learning/reward.py asks
lengths                of the answers, against what is predicted: log ratios
keys                   how much each API key's feedback has said, and whether it says what the others say
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, log, sqrt

from msgspec import Struct, field
from msgspec.structs import replace

from learning import bandit
from learning.bandit import Arms, Evidence, Observation, faded
from learning.reward import Reward
from routing.learned import Known, Learned

EXPLORES = 0.1  # largest share of requests that may be explored, where the tenant does not say
MOST_RATIO = 1.5  # of lengths, as a logarithm: four or five times as long, or as short
FEEDBACK_KEPT = 0.995  # of the share of requests that get feedback, with each request
FREQUENT = 0.1  # from this share on exploring is worth its full price
FIRST_VOTES = 10.0  # of the tenant's: before them nothing is tried
KEY_SHARE = 0.5  # of all feedback: what one key says beyond it counts less and less
KEY_FREE = 20.0  # votes of a key that always count
ODD_VOTES = 20.0  # of a key on a model, and of the others on it, before they can be compared
ODD_GAP, ODD_DEVIATIONS = 0.4, 5.0  # between their means: this far apart they cannot mean the same


class Vote(Struct, frozen=True, kw_only=True):
    """What the feedback on one request came to when it was counted."""

    query_type: str
    model: str
    reward: float
    weight: float
    expected: float
    key: str
    clock: float = 0.0  # of the arms, then
    alarms: int = 0  # over its model, by then


class Beliefs(Struct, omit_defaults=True):
    quality: Arms = field(default_factory=Arms)
    reliability: Arms = field(default_factory=Arms)
    lengths: Arms = field(default_factory=Arms)
    keys: dict[str, dict[str, Evidence]] = field(default_factory=dict)  # by API key, then model: votes and their rewards
    answered: float = 0.0  # share of requests, lately, that got feedback


# --- in


def came(beliefs: Beliefs) -> None:
    """An outcome of any kind: its feedback may follow."""
    beliefs.answered *= FEEDBACK_KEPT


def reliable(beliefs: Beliefs, query_type: str, model: str, reward: Reward) -> None:
    seen = Observation(query_type=query_type, model=model, reward=reward.value, expected=reward.expected, weight=reward.weight)
    bandit.update(beliefs.reliability, seen)


def measured(beliefs: Beliefs, query_type: str, model: str, *, tokens: int, predicted: int) -> None:
    """Output tokens."""
    ratio = min(MOST_RATIO, max(-MOST_RATIO, log(max(1, tokens) / max(1, predicted))))
    beliefs.lengths.clock += 1
    bandit.add(beliefs.lengths, query_type, model, 1.0, ratio)


def counted(beliefs: Beliefs, vote: Vote) -> Vote:
    """The vote as it was counted: with less weight where its key says too much."""
    weighed = replace(vote, weight=vote.weight * influence(beliefs, vote.key))
    _count(beliefs, weighed)
    beliefs.answered += 1 - FEEDBACK_KEPT
    alarms = beliefs.quality.watches[vote.model].alarms
    return replace(weighed, clock=beliefs.quality.clock, alarms=alarms)


def _count(beliefs: Beliefs, vote: Vote) -> None:
    seen = Observation(
        query_type=vote.query_type, model=vote.model, reward=vote.reward, expected=vote.expected, weight=vote.weight
    )
    bandit.update(beliefs.quality, seen)
    _say(beliefs, vote.key, vote.model, 1.0, vote.reward)


def taken_back(beliefs: Beliefs, vote: Vote) -> None:
    """As if it had never been counted; but what it has set off (an alarm) stays: `rebuilt` knows better."""
    count = bandit.KEPT ** (beliefs.quality.clock - vote.clock) * vote.weight
    surprise = count * (vote.reward - vote.expected)
    bandit.taken_back(beliefs.quality, vote.query_type, vote.model, count=count, surprise=surprise, alarms=vote.alarms)
    _say(beliefs, vote.key, vote.model, -1.0, -vote.reward)


def _say(beliefs: Beliefs, key: str, model: str, votes: float, reward: float) -> None:
    said = beliefs.keys.setdefault(key, {}).setdefault(model, Evidence())
    said.count, said.surprise = max(0.0, said.count + votes), said.surprise + reward


# --- whom to trust


def influence(beliefs: Beliefs, key: str) -> float:
    """Of this key's next vote, 0..1: no key has more than its share of a tenant's feedback, if others give any."""
    votes = {name: sum(said.count for said in models.values()) for name, models in beliefs.keys.items()}
    own = votes.pop(key, 0.0)
    others = sum(votes.values())
    allowed = max(KEY_FREE, others * KEY_SHARE / (1 - KEY_SHARE)) if others else own + 1
    return min(1.0, allowed / (own + 1))


def odd(beliefs: Beliefs, key: str) -> str | None:
    """The model of which this key says something else than all others do, beyond what chance would have it; None: none. Two
    others at least: of two that disagree nobody knows who is right."""
    for model, said in beliefs.keys.get(key, {}).items():
        others = [theirs[model] for name, theirs in beliefs.keys.items() if name != key and model in theirs]
        heard = sum(each.count for each in others)
        if len([each for each in others if each.count]) < 2 or min(said.count, heard) < ODD_VOTES:
            continue
        gap = abs(said.surprise / said.count - sum(each.surprise for each in others) / heard)
        if gap > ODD_GAP and gap > ODD_DEVIATIONS * sqrt(0.25 / said.count + 0.25 / heard):
            return model
    return None


def rebuilt(beliefs: Beliefs, votes: Iterable[Vote]) -> Beliefs:
    """What would be believed if these votes, in the order of their clocks, were all that was ever said. `beliefs` stays as it
    is."""
    found = Beliefs(reliability=beliefs.reliability, lengths=beliefs.lengths, answered=beliefs.answered)
    for vote in votes:
        _count(found, vote)
    return found


# --- out


def learned(beliefs: Beliefs, shared: Mapping[str, Mapping[str, float]], *, explores: float) -> Learned:
    """What routing is told. `shared`: shifts that other tenants' outcomes suggest, by query type and model; `explores`: the
    largest share of requests that may be explored, if there is feedback to learn from."""
    arms = (beliefs.quality, beliefs.reliability, beliefs.lengths)
    models = sorted({model for each in arms for model in each.offsets})
    types = sorted({kind for each in arms for kind in each.cells} | shared.keys())
    named = sorted({*models, *(model for known in shared.values() for model in known)})
    return Learned(
        version=0,
        types={
            kind: {model: _known(beliefs, kind, model, shared.get(kind, {}).get(model, 0.0)) for model in named} for kind in types
        },
        models={model: _known(beliefs, None, model, 0.0) for model in models},
        explores=_explores(beliefs, explores),
    )


def _known(beliefs: Beliefs, query_type: str | None, model: str, shared: float) -> Known:
    quality = bandit.shifted(beliefs.quality, query_type, model)
    reliability = bandit.shifted(beliefs.reliability, query_type, model)
    length = bandit.shifted(beliefs.lengths, query_type, model)
    foreign = shared * bandit.PRIOR_WORTH / (quality.count + bandit.PRIOR_WORTH)
    return Known(
        round(quality.shift + reliability.shift + foreign, 4), round(quality.unsure, 4), round(quality.count, 2),
        round(exp(length.shift), 4),
    )  # fmt: skip


def _explores(beliefs: Beliefs, most: float) -> float:
    """Less where feedback is rare: then exploring teaches little."""
    if beliefs.quality.clock < FIRST_VOTES:
        return 0.0
    return round(most * min(1.0, beliefs.answered / FREQUENT), 4)


def moved(before: Learned | None, after: Learned) -> float:
    """The largest change of what is predicted of any model, in quality or as a share of its length."""
    if before is None:
        return 1.0
    found = [abs(before.explores - after.explores)]
    for kind, models in after.types.items():
        was = before.types.get(kind)
        for model, known in models.items():
            old = Known() if was is None else was.get(model, Known())
            found += [abs(old.shift - known.shift), abs(old.length - known.length) / 4, abs(old.unsure - known.unsure)]
    return max(found)


def votes_of(beliefs: Beliefs, query_type: str, model: str) -> float:
    """Faded."""
    return faded(beliefs.quality.cells.get(query_type, {}).get(model), beliefs.quality.clock)[0]
