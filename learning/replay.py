"""What would another strategy have done with a tenant's own requests, before it serves any?

Every recorded automatic decision is made again under the target, in the world as it was seen then:

    exact       who would have served, whom rules and budgets would have refused, list prices on the tokens that are known
    modelled    cost and time with the other model's own answers, calibrated on the tenant's requests
    causal      quality, by the propensities of what was chosen and of what would be (learning/offpolicy.py)

One pass, oldest first, in constant memory. A conversation stays with its model, so the target has trails of its own: cost
follows the model that the target would have chosen for the turn before, quality the ratio of the turns that a turn hung on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from msgspec import Struct, field, structs

from gateway.records import Decided, decided
from learning.exact import Counts, Spending
from learning.modelled import Forecasts
from learning.offpolicy import judgement
from learning.samples import Logged, Sample
from learning.targets import Target, World, decided_under, logged_propensities
from learning.verdicts import Causal, Replay
from learning.votes import Rewards, Versions, Votes
from routing.automatic import AUTOMATIC
from routing.catalog import Catalog
from routing.learned import Learned
from routing.refusals import Refused
from routing.snapshot import catalog_of
from routing.types import Decision, Incumbent

REMEMBERED = 100_000  # conversations, as in routing/conversations.py
NEVER_SENT = ("refused", "replayed")


def replay(tenant_id: str, target: Target, since: datetime, until: datetime, *, under: str | None = None) -> Replay:
    """From `since` on, `until` not included. A vote counts as feedback. `under`: only requests that had this strategy."""
    votes, versions = Votes(tenant_id), Versions(tenant_id)
    rows = votes.along(row for row in decided(tenant_id, since, until) if under in (None, _strategy(row)))
    return judged(rows, target, since, until, rewards=votes, versions=versions)


def _strategy(row: Decided) -> str | None:
    return None if row.decision is None else row.decision.question.strategy


def judged(
    rows: Iterable[Decided],
    target: Target,
    since: datetime,
    until: datetime,
    *,
    rewards: Rewards | None = None,
    versions: Callable[[int], Learned | None] | None = None,
) -> Replay:
    """One tenant's, oldest first. `versions`: of what was learned of its work."""
    counts = Counts(spendings=tuple(Spending(budget=budget) for budget in target.budgets))
    course = _Course(target=target, rewards={} if rewards is None else rewards, counts=counts, versions=versions or _nothing)
    for row in rows:
        course.see(row)
    snips, doubly_robust = judgement(course.logged, "snips"), judgement(course.logged, "doubly_robust")
    return Replay(
        since=since,
        until=until,
        target=target.in_words,
        exact=course.counts.told(),
        modelled=course.forecasts.told(),
        causal=Causal(requests=course.judged, rated=course.logged.rated, snips=snips, doubly_robust=doubly_robust),
    )


def _nothing(version: int) -> Learned | None:
    return None


class _Trail(Struct):
    """Of a conversation: the model that the target would have chosen last, and how much likelier it was to go this way."""

    model: str | None = None
    ratio: float = 1.0


class _Course(Struct, kw_only=True):
    """What is known on the way."""

    target: Target
    rewards: Rewards
    counts: Counts
    versions: Callable[[int], Learned | None]
    forecasts: Forecasts = field(default_factory=Forecasts)
    logged: Logged = field(default_factory=Logged)
    judged: int = 0
    catalogs: dict[str, Catalog | None] = field(default_factory=dict)
    trails: OrderedDict[str, _Trail] = field(default_factory=OrderedDict)
    last: tuple[str, Incumbent | None, Decision] | None = None

    def see(self, row: Decided) -> None:
        why = _left_out(row)
        world = self._world_of(row) if why is None else None
        if world is None:
            self.counts.leave_out(row, why or "unreadable")
            return
        trail = self._trail_of(row)
        self._judge(row, world, trail)
        self._serve(row, world, trail)

    def _world_of(self, row: Decided) -> World | None:
        """None where nobody wrote it down, or not any more."""
        assert row.decision is not None
        version = row.decision.snapshot_version
        if version not in self.catalogs:
            self.catalogs[version] = catalog_of(version)
        catalog, learned = self.catalogs[version], self.versions(row.learned) if row.learned else None
        return None if catalog is None or (row.learned and learned is None) else World(catalog, learned)

    def _trail_of(self, row: Decided) -> _Trail:
        if not row.conversation:
            return _Trail()
        trail = self.trails.pop(row.conversation, None) or _Trail()
        self.trails[row.conversation] = trail
        if len(self.trails) > REMEMBERED:
            self.trails.popitem(last=False)
        return trail

    # --- quality

    def _judge(self, row: Decided, world: World, trail: _Trail) -> None:
        """By what the target would do where the request really was: with the model that had the conversation."""
        incumbent = _incumbent(row)
        try:
            decision = self._decided(row, world, incumbent)
        except Refused:
            trail.ratio = 0.0
            return
        logged = logged_propensities(row, world)
        if row.first.model not in logged:
            return
        sample = self._sample(row, decision, logged, trail)
        trail.ratio = sample.ratio
        self.judged += 1
        self.logged.add(sample)

    def _sample(self, row: Decided, decision: Decision, logged: Mapping[str, float], trail: _Trail) -> Sample:
        likely = {ranked.model: ranked.propensity for ranked in decision.ranked}
        reward, weight = self.rewards.get(row.request_id, (None, 0.0))
        first, incumbent = row.first, _incumbent(row)
        hangs = incumbent is not None and (incumbent.model in logged or likely.get(incumbent.model, 0.0) > 0)
        return Sample(
            cluster=row.cluster,
            logged=logged[first.model],
            target=likely.get(first.model, 0.0),
            reward=reward,
            weight=weight,
            expected=first.forecast.quality,
            expected_target=sum(ranked.propensity * ranked.forecast.quality for ranked in decision.ranked),
            supported=sum(likely.get(model, 0.0) for model in logged),
            before=trail.ratio if hangs else 1.0,
        )

    # --- cost and time

    def _serve(self, row: Decided, world: World, trail: _Trail) -> None:
        """By what the target would have done, had it led the conversation from its beginning."""
        if row.status != "ok":
            self.counts.leave_out(row, "unanswered")
            return
        self.forecasts.learn(row)
        incumbent = _incumbent(row)
        if incumbent is not None and trail.model is not None:
            incumbent = structs.replace(incumbent, model=trail.model)
        try:
            decision = self._decided(row, world, incumbent)
        except Refused as refusal:
            self.counts.refuse(row, _reason(refusal, row.first.model))
            return
        trail.model = decision.ranked[0].model
        self._compare(row, decision, incumbent)

    def _compare(self, row: Decided, decision: Decision, incumbent: Incumbent | None) -> None:
        first = decision.ranked[0]
        if first.model == row.first.model:
            self.counts.stay(row)
            self.forecasts.stay(row)
            return
        model = decision.candidates[0].model
        self.counts.move(row, model)
        self.forecasts.move(row, model, first.forecast, incumbent)

    def _decided(self, row: Decided, world: World, incumbent: Incumbent | None) -> Decision:
        """Raises Refused."""
        if self.last is not None and self.last[:2] == (row.request_id, incumbent):
            return self.last[2]
        decision = decided_under(self.target, row, world, incumbent)
        self.last = (row.request_id, incumbent, decision)
        return decision


def _left_out(row: Decided) -> str | None:
    if row.decision is None or not row.decision.ranked:
        return "unreadable"
    if row.decision.mode != AUTOMATIC:
        return "named"
    if row.held_back:
        return "held_back"
    if row.status in NEVER_SENT:
        return "unanswered"
    return None if row.first.propensity > 0 else "unreadable"


def _incumbent(row: Decided) -> Incumbent | None:
    assert row.decision is not None
    return row.decision.question.incumbent


def _reason(refusal: Refused, model: str) -> str:
    """Why nobody could serve: what is said of the model that did."""
    return next((reason for excluded, reason in refusal.details.get("excluded", ()) if excluded == model), refusal.message)
