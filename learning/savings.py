"""What does routing save, and does quality suffer? The causal meter: a draw holds some conversations back on the baseline.

Whether a conversation is held back depends on its lot alone, so the two groups differ in nothing but the routing, and what they
differ in afterwards is its effect: cost per conversation, and the mean reward of conversations with feedback. (Turns that the
baseline could not serve stay with their group.) A control with shuffled labels shows what such differences look like where
there is nothing to find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from gateway.records import Decided, decided
from learning.twosamples import Compared, compared
from learning.votes import Rewards, Versions, Votes
from routing.automatic import AUTOMATIC
from routing.types import PICO_PER_USD

COST_PRECISION = 0.1  # of the baseline's cost
QUALITY_PRECISION = 0.05  # of the baseline's quality
SEED = 20


class Conversation(Struct):
    """`cost` in pico-dollars."""

    held_back: bool
    cost: int = 0
    reward: float = 0.0  # weighted
    weight: float = 0.0
    mixed: bool = False  # it changed sides, because the share was changed while it ran

    @property
    def quality(self) -> float:
        return self.reward / self.weight


class Savings(Struct, frozen=True, kw_only=True):
    """`saved_usd`: the baseline's mean cost of a conversation less that of routing; `quality`: of routing less the baseline's.
    Counted is while some were held back. `baseline`: the models that served those."""

    since: datetime
    until: datetime
    baseline: Mapping[str, int]
    held_back: int
    routed: int
    mixed: int
    saved_usd: Compared
    quality: Compared
    saved_in_all_usd: float  # over the routed conversations, by the mean
    in_words: Sequence[str]


def savings(tenant_id: str, since: datetime, until: datetime, *, seed: int = SEED) -> Savings:
    """From `since` on, `until` not included; the same seed gives the same control. Keeps a few numbers of each conversation."""
    votes, versions = Votes(tenant_id), Versions(tenant_id)

    def share(version: int) -> float:
        learned = versions(version)
        return learned.held_back if learned is not None and learned.baseline else 0.0

    return measured(votes.along(decided(tenant_id, since, until)), since, until, votes, share, seed=seed)


def measured(
    rows: Iterable[Decided],
    since: datetime,
    until: datetime,
    rewards: Rewards,
    share: Callable[[int], float],
    *,
    seed: int = SEED,
) -> Savings:
    """One tenant's. `share`: of its conversations that was held back, by the version of what was learned."""
    seen, baseline = _gathered(rows, rewards, share)
    whole = [one for one in seen.values() if not one.mixed]
    held, routed = [one for one in whole if one.held_back], [one for one in whole if not one.held_back]
    saved = compared(_costs(held), _costs(routed), precision=COST_PRECISION, seed=seed)
    quality = compared(_qualities(routed), _qualities(held), precision=QUALITY_PRECISION, seed=seed)
    return Savings(
        since=since,
        until=until,
        baseline=dict(baseline.most_common()),
        held_back=len(held),
        routed=len(routed),
        mixed=sum(one.mixed for one in seen.values()),
        saved_usd=saved,
        quality=quality,
        saved_in_all_usd=(saved.one - saved.other) * len(routed) if held else 0.0,
        in_words=[*_cost_words(saved, len(held)), *_quality_words(quality)],
    )


def _gathered(
    rows: Iterable[Decided], rewards: Rewards, share: Callable[[int], float]
) -> tuple[Mapping[str, Conversation], Counter[str]]:
    seen: dict[str, Conversation] = {}
    baseline: Counter[str] = Counter()
    for row in rows:
        if row.decision is None or row.decision.mode != AUTOMATIC:
            continue
        if not (held_back := share(row.learned)):
            continue
        drawn = row.decision.question.lot < held_back
        one = seen.setdefault(row.cluster, Conversation(drawn))
        one.mixed |= one.held_back != drawn
        one.cost += row.cost
        reward, weight = rewards.get(row.request_id, (0.0, 0.0))
        one.reward, one.weight = one.reward + weight * reward, one.weight + weight
        if drawn:
            baseline[row.model] += 1
    return seen, baseline


def _costs(conversations: Iterable[Conversation]) -> list[float]:
    return [one.cost / PICO_PER_USD for one in conversations]


def _qualities(conversations: Iterable[Conversation]) -> list[float]:
    return [one.quality for one in conversations if one.weight > 0]


def _cost_words(saved: Compared, held: int) -> Iterable[str]:
    if not held:
        yield "Cannot tell: no conversation was held back on a baseline."
    elif saved.more_conversations:
        yield f"Cannot tell yet what routing saves: about {saved.more_conversations} more conversations must be held back."


def _quality_words(quality: Compared) -> Iterable[str]:
    if quality.more_conversations:
        yield (
            f"Cannot tell yet whether quality suffers: about {quality.more_conversations} more conversations with feedback must"
            " be held back."
        )
