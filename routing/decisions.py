"""A decision as it is kept, and made again from what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from routing.catalog import Catalog
from routing.decide import choose
from routing.learned import Learned
from routing.quality import Weights
from routing.types import Classification, Decision, Excluded, Latency, Question, Ranked, Seen


class DecisionRecord(Struct, frozen=True, kw_only=True):
    """What is kept of every decision: enough to explain it, and with its classification to make it again."""

    mode: str
    question: Question
    seen: Seen
    ranked: Sequence[Ranked]
    excluded: Excluded
    snapshot_version: str
    weights_version: str


def kept(decision: Decision) -> DecisionRecord:
    return DecisionRecord(
        mode=decision.mode,
        question=decision.question,
        seen=decision.seen,
        ranked=decision.ranked,
        excluded=decision.excluded,
        snapshot_version=decision.snapshot_version,
        weights_version=decision.weights_version,
    )


class RecordedView(Struct, frozen=True, kw_only=True):
    """The world as a decision saw it."""

    version: str
    weights: Weights
    catalog: Catalog
    seen: Seen
    learned: Learned | None = None
    draws: bool = True  # what was not let draw then says so in its question

    @property
    def reachable(self) -> frozenset[str]:
        return self.seen.reachable

    @property
    def unusable(self) -> frozenset[str]:
        return self.seen.unusable

    @property
    def latencies(self) -> Mapping[str, Latency]:
        return self.seen.latencies


def again(
    record: DecisionRecord, classification: Classification, catalog: Catalog, weights: Weights, learned: Learned | None = None
) -> DecisionRecord:
    """The same decision, from what was kept of it and the catalogue, the weights and what was learned by then."""
    view = RecordedView(version=record.snapshot_version, weights=weights, catalog=catalog, seen=record.seen, learned=learned)
    return kept(choose(record.question, classification, view))
