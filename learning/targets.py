"""What is to be judged? Another strategy, place of the slider, parts, rules or weights; what is not said stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from gateway.records import Decided
from routing.automatic import AUTOMATIC
from routing.catalog import Catalog
from routing.decide import choose
from routing.decisions import DecisionRecord, RecordedView
from routing.learned import Learned
from routing.quality import prior
from routing.refusals import UnknownStrategy
from routing.rules import Parts, Rules, Strategy
from routing.strategies import STRATEGIES, TRADEOFF
from routing.types import Classification, Decision, Incumbent, Question, SpendLimit


class Target(Struct, frozen=True, kw_only=True):
    """`strategies`: the tenant's own, by name. `learned`: a version of what was learned of its work; None: the one of the time.
    `budgets`: beside all else, what they would have refused."""

    strategy: str | None = None
    tradeoff: float | None = None
    parts: Parts | None = None
    rules: Rules | None = None
    learned: Learned | None = None
    strategies: Mapping[str, Parts] = {}
    budgets: tuple[SpendLimit, ...] = ()

    def __post_init__(self) -> None:
        name = self.name
        if self.parts is None and name is not None and name not in STRATEGIES and name not in self.strategies:
            known = ", ".join([*STRATEGIES, *sorted(self.strategies)])
            raise UnknownStrategy(f"There is no strategy {name!r}. There are: {known}.", param="strategy")
        if self.tradeoff is not None and name != Strategy.AUTO:
            raise UnknownStrategy(f"A tradeoff goes with the strategy auto, not with {name}.", param="tradeoff")

    @property
    def name(self) -> str | None:
        """Of the strategy; None where it stays what it was."""
        if self.strategy is None and self.tradeoff is not None:
            return Strategy.AUTO.value
        return self.strategy

    @property
    def in_words(self) -> str:
        said = [
            self.name or ("parts of its own" if self.parts is not None else None),
            None if self.tradeoff is None else f"tradeoff {self.tradeoff:g}",
            None if self.rules is None else "other rules",
            None if self.learned is None else f"version {self.learned.version}",
            *(f"{budget.name} of {budget.size}" for budget in self.budgets),
        ]
        return ", ".join(word for word in said if word) or "as it was"


def asked(target: Target, question: Question, classification: Classification, incumbent: Incumbent | None) -> Question:
    """The recorded question, under the target."""
    name = target.name or question.strategy
    return structs.replace(
        question,
        model=AUTOMATIC,
        strategy=name,
        parts=_parts(target, question, classification),
        tradeoff=_tradeoff(target, question, name),
        rules=question.rules if target.rules is None else target.rules,
        incumbent=incumbent,
    )


def _parts(target: Target, question: Question, classification: Classification) -> Parts:
    if target.parts is not None:
        return target.parts
    if target.name is None:
        return question.parts
    own = target.strategies.get(target.name)
    return own or STRATEGIES[target.name](classification, TRADEOFF if target.tradeoff is None else target.tradeoff)


def _tradeoff(target: Target, question: Question, name: str) -> float | None:
    if target.name is None:
        return question.tradeoff
    return (TRADEOFF if target.tradeoff is None else target.tradeoff) if name == Strategy.AUTO else None


class World(Struct, frozen=True):
    """Of the time of a decision, beside what it kept itself."""

    catalog: Catalog
    learned: Learned | None


def decided_under(target: Target, row: Decided, world: World, incumbent: Incumbent | None) -> Decision:
    """What would have been decided, as the world was seen then. Raises Refused."""
    assert row.decision is not None and row.classification is not None
    view = _view(row.decision, world, target.learned or world.learned)
    return choose(asked(target, row.decision.question, row.classification, incumbent), row.classification, view)


def logged_propensities(row: Decided, world: World) -> Mapping[str, float]:
    """Of each model to come first, by its conversation being routed at all: what was kept counts those held back, too."""
    assert row.decision is not None and row.classification is not None
    ranked = row.decision.ranked
    if world.learned is not None and world.learned.held_back:
        view = _view(row.decision, world, world.learned)
        ranked = choose(row.decision.question, row.classification, view).ranked
    return {one.model: one.propensity for one in ranked if one.propensity > 0}


def _view(record: DecisionRecord, world: World, learned: Learned | None) -> RecordedView:
    """Nobody is held back in it."""
    return RecordedView(
        version=record.snapshot_version,
        weights=prior(world.catalog),
        catalog=world.catalog,
        seen=record.seen,
        learned=structs.replace(learned, held_back=0.0) if learned is not None else None,
    )


def window_of(budget: SpendLimit, row: Decided) -> tuple[str, str]:
    """Whose spending counts together: the key's or the tenant's, and the day or month where it lives."""
    day = row.received_at.astimezone(ZoneInfo(budget.zone)).date()
    return (
        row.key_id if budget.owner == "key" else "",
        (day.replace(day=1) if budget.period == "month" else day).isoformat(),
    )
