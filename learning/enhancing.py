"""Are prompts that were asked more clearly answered better? What feedback says, within the same kind of question.

No draw decides who is enhanced: callers do. So the difference is no proof, and is told as what it is: what was said of the
answers to enhanced prompts, beside what was said of others of the same kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched

from msgspec import Struct

from gateway import records
from gateway.records import READ_AT_ONCE
from learning.intervals import CannotTell, Told
from learning.models import CountedVote
from learning.twosamples import LEAST, difference, moments
from routing.enhance import paragraph_of

MOST_VOTES = 20_000  # the latest; more make an interval that nobody needs narrower
UNCHANGED = "unchanged"


class Kind(Struct, frozen=True, kw_only=True):
    """Of one kind of question: how many prompts were enhanced and rated, and others rated; the means of what was said, 0 to 1."""

    query_type: str
    enhanced: int
    rated: int
    others_rated: int
    mean: float | None
    others_mean: float | None
    difference: Told


class Added(Struct, frozen=True, kw_only=True):
    name: str
    text: str | None  # None: of another release
    times: int


class Enhanced(Struct, frozen=True, kw_only=True):
    """`unchanged`: asked for, and nothing added. `overall`: against others of the same kind of question. `paragraphs`: what was
    added, and how often."""

    since: datetime
    until: datetime
    enhanced: int
    unchanged: int
    overall: Told
    kinds: Sequence[Kind]
    paragraphs: Sequence[Added]

    @property
    def asked_for(self) -> int:
        return self.enhanced + self.unchanged


def enhanced(tenant_id: str, since: datetime, until: datetime) -> Enhanced:
    """From `since` on, `until` not included."""
    counts = dict(records.enhanced(tenant_id, since, until))
    unchanged = counts.pop(UNCHANGED, 0)
    by_kind: dict[str, int] = defaultdict(int)
    for name, times in counts.items():
        by_kind[name.partition(".")[0]] += times
    rated = _rated(tenant_id, since, until) if counts else {}
    kinds = [_kind(name, times, *rated.get(name, ([], []))) for name, times in by_kind.items()]
    return Enhanced(
        since=since,
        until=until,
        enhanced=sum(counts.values()),
        unchanged=unchanged,
        overall=_overall([rated[name] for name in by_kind if name in rated]),
        kinds=sorted(kinds, key=lambda one: -one.enhanced),
        paragraphs=[
            Added(name=name, text=paragraph.text if (paragraph := paragraph_of(name)) else None, times=times)
            for name, times in sorted(counts.items(), key=lambda one: -one[1])
        ],
    )


Groups = tuple[list[float], list[float]]  # rewards of what was enhanced, and of what was not


def _rated(tenant_id: str, since: datetime, until: datetime) -> Mapping[str, Groups]:
    """By kind of question."""
    found: dict[str, Groups] = {}
    for paragraph, kind, reward in _votes(tenant_id, since, until):
        enhanced_kind = paragraph.partition(".")[0]
        if paragraph == UNCHANGED:
            continue
        groups = found.setdefault(enhanced_kind or kind, ([], []))
        groups[0 if paragraph else 1].append(reward)
    return found


def _votes(tenant_id: str, since: datetime, until: datetime) -> Iterator[tuple[str, str, float]]:
    """What was added, query type, reward."""
    votes = CountedVote.objects.filter(tenant_id=tenant_id, counted_at__gte=since).order_by("-clock")
    values = votes.values_list("request_id", "query_type", "reward")[:MOST_VOTES]
    for chunk in batched(values.iterator(chunk_size=READ_AT_ONCE), READ_AT_ONCE, strict=False):
        known = records.paragraphs_of(tenant_id, [name for name, _, _ in chunk], since, until)
        yield from ((known[name], kind, reward) for name, kind, reward in chunk if name in known)


def _kind(name: str, times: int, rewards: list[float], others: list[float]) -> Kind:
    return Kind(
        query_type=name,
        enhanced=times,
        rated=len(rewards),
        others_rated=len(others),
        mean=sum(rewards) / len(rewards) if rewards else None,
        others_mean=sum(others) / len(others) if others else None,
        difference=_compared(rewards, others),
    )


def _overall(groups: Sequence[Groups]) -> Told:
    """Each reward less the mean of the others of its kind: kinds differ, and are not to be taken for an effect."""
    ours: list[float] = []
    others: list[float] = []
    for rewards, plain in groups:
        if plain:
            mean = sum(plain) / len(plain)
            ours += [reward - mean for reward in rewards]
            others += [reward - mean for reward in plain]
    return _compared(ours, others)


def _compared(ours: Sequence[float], others: Sequence[float]) -> Told:
    missing = LEAST - min(len(ours), len(others))
    if missing > 0:
        words = f"Cannot tell yet: it takes at least {missing} more answers with feedback, enhanced and not, of the same kind."
        return CannotTell(why="too_few_ratings", in_words=words, more_requests=missing)
    return difference(moments(ours), moments(others))
