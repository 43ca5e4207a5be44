"""What if, and what does it save, for programs (DRF): replays of the tenant's own requests, the savings meter, trials.

A replay reads every request of its period while the caller waits, so it is bounded; `manage.py replay` is not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from django.db import IntegrityError, transaction
from django.utils import timezone
from msgspec import Meta, Struct

from accounts.models import Tenant
from gateway import errors, records
from gateway.operations import Asked, Operations, operation
from learning import trials
from learning.api import SEEN, STEERED
from learning.enhancing import enhanced
from learning.models import StrategyTrial
from learning.periods import moment
from learning.replay import replay
from learning.savings import savings
from learning.targets import Target
from learning.votes import Versions
from routing.models import NAME
from routing.refusals import UnknownStrategy
from routing.rules import Parts, Rules, Strategy
from routing.types import PICO_PER_USD, Period, SpendLimit

MOST_REQUESTS = 20_000  # while somebody waits
LONGEST = timedelta(days=92)


Moment = Annotated[str, Meta(max_length=32, pattern=r"^[^\x00]*$")]


class Budgeted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    usd: Annotated[float, Meta(gt=0, le=1_000_000)]
    period: Period = "month"


class Replayed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /api/v1/learning/replay; what is not said stays as it was. `rules`: in place of the tenant's."""

    strategy: str | None = None
    tradeoff: Annotated[float, Meta(ge=0, le=10)] | None = None
    parts: Parts | None = None
    rules: Rules | None = None
    version: int | None = None
    budget: Budgeted | None = None
    since: Moment = "7d"
    until: Moment | None = None


class Tried(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /api/v1/learning/trials: a new version of one of the tenant's own strategies."""

    strategy: Annotated[str, Meta(max_length=32)]
    parts: Parts


class SavingsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Moments such as 30d, 12h, 2026-11-01."""

    since: Moment = "30d"
    until: Moment | None = None


class ReplayView(Operations):
    """/api/v1/learning/replay"""

    @operation("replay", "What a time would have been like under another choice", body=Replayed, atomic=False, **SEEN)
    def post(self, asked: Asked) -> Any:
        tenant, body = asked.tenant, asked.body
        since, until = _period(tenant, body.since, body.until)
        count = records.count(str(tenant.pk), since, until)
        if count > MOST_REQUESTS:
            raise errors.InvalidValue(
                f"There are {count} requests in this time, and {MOST_REQUESTS} can be replayed at once. Ask for a shorter time.",
                param="since",
            )
        found = _understood(lambda: replay(str(tenant.pk), _target(tenant, body), since, until))
        return msgspec.to_builtins(found, str_keys=True)


class SavingsView(Operations):
    """/api/v1/learning/savings"""

    @operation("get_savings", "What was saved against the tenant's baseline", query=SavingsWanted, **SEEN)
    def get(self, asked: Asked) -> Any:
        since, until = _period(asked.tenant, asked.query.since, asked.query.until)
        return msgspec.to_builtins(savings(str(asked.tenant.pk), since, until), str_keys=True)


def _target(tenant: Tenant, asked: Replayed) -> Target:
    learned = None if asked.version is None else Versions(str(tenant.pk))(asked.version)
    if asked.version is not None and learned is None:
        raise errors.InvalidValue(f"There is no version {asked.version} of what was learned.", param="version")
    budgets = () if asked.budget is None else (_budget(tenant, asked.budget),)
    return Target(
        strategy=asked.strategy,
        tradeoff=asked.tradeoff,
        parts=asked.parts,
        rules=asked.rules,
        learned=learned,
        strategies={one.name: one.as_parts() for one in tenant.strategies.all()},
        budgets=budgets,
    )


def _budget(tenant: Tenant, asked: Budgeted) -> SpendLimit:
    size = int(asked.usd * PICO_PER_USD)
    return SpendLimit(id="asked", owner="tenant", period=asked.period, unit="usd", size=size, zone=tenant.time_zone)


def _period(tenant: Tenant, since: str, until: str | None) -> tuple[datetime, datetime]:
    now = timezone.now()
    try:
        start = moment(since, now, tenant.time_zone)
        end = now if until is None else moment(until, now, tenant.time_zone)
    except (ValueError, OverflowError) as error:
        raise errors.InvalidValue(str(error), param="since") from None
    if not timedelta(0) < end - start <= LONGEST:
        raise errors.InvalidValue(f"A time of up to {LONGEST.days} days, from `since` to `until`.", param="since")
    return start, end


def _understood[T](asked: Callable[[], T]) -> T:
    try:
        return asked()
    except UnknownStrategy as error:
        raise errors.InvalidValue(str(error), param="strategy") from None


class EnhancementView(Operations):
    """/api/v1/learning/enhancement"""

    @operation("get_enhancement", "What was added to prompts, and what feedback says of it", query=SavingsWanted, **SEEN)
    def get(self, asked: Asked) -> Any:
        since, until = _period(asked.tenant, asked.query.since, asked.query.until)
        return msgspec.to_builtins(enhanced(str(asked.tenant.pk), since, until))


# --- trials


class TrialsView(Operations):
    """/api/v1/learning/trials"""

    @operation("list_trials", "New versions of strategies that are on trial", **SEEN)
    def get(self, asked: Asked) -> Any:
        rows = StrategyTrial.objects.filter(tenant=asked.tenant).order_by("-pk")[:100]
        return {"trials": [trials.told(trial) for trial in rows]}

    @operation("create_trial", "Put a new version of a strategy of one's own on trial", body=Tried, **STEERED)
    def post(self, asked: Asked) -> Any:
        name = asked.body.strategy
        if name in [one.value for one in Strategy] or not NAME.fullmatch(name):
            raise errors.InvalidValue("A strategy of your own: our names stay what they are.", param="strategy")
        try:
            with transaction.atomic():
                parts = msgspec.to_builtins(asked.body.parts)
                made = StrategyTrial.objects.create(tenant=asked.tenant, strategy=name, parts=parts)
        except IntegrityError:
            message = f"A version of {name} is on trial already: take it or withdraw it first."
            raise errors.InvalidValue(message, param="strategy") from None
        return trials.told(made)


class TrialView(Operations):
    """/api/v1/learning/trials/{trial}"""

    @operation("take_trial", "The version that is on trial becomes the strategy", **STEERED)
    def post(self, asked: Asked, trial: int) -> Any:
        return _ended(asked, trial, trials.take)

    @operation("withdraw_trial", "The version that is on trial is dropped", **STEERED)
    def delete(self, asked: Asked, trial: int) -> Any:
        return _ended(asked, trial, trials.withdraw)


def _ended(asked: Asked, trial: int, by: Callable[[StrategyTrial], Any]) -> Any:
    open_ones = StrategyTrial.objects.select_for_update().filter(state=StrategyTrial.State.SUGGESTED)
    found = open_ones.filter(tenant=asked.tenant, pk=trial).first()
    if found is None:
        raise errors.NotFound("There is no such trial of yours that is still open.")
    by(found)
    return trials.told(found)
