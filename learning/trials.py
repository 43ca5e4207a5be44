"""When may a new version of a strategy replace the one that serves, without anybody's say? Only where it has been shown to be no
worse.

A tenant puts a version of one of its strategies on trial. Each day it is judged on the tenant's own recorded decisions
(learning/replay.py): it is promoted where the lower bound of its quality's difference is above nothing, or where quality is held
(its lower bound is within HELD) and the upper bound of its cost is below what was paid. Else it stays a suggestion, with what was
found beside it; a person may take it, or leave it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from learning.intervals import Estimate
from learning.models import StrategyTrial
from learning.replay import replay
from learning.targets import Target
from learning.verdicts import Replay
from routing.models import TenantStrategy
from routing.rules import Parts

JUDGED_ON = timedelta(days=28)
EVERY = timedelta(days=1)
LEAST_EFFECTIVE = 200.0  # rewards, before anything is changed without asking
HELD = 0.01  # of quality, 0..1: a lower bound above minus this is no loss that anybody would notice

log = logging.getLogger("routeplex.trials")


def judge_trials() -> int:
    """Those that are due; how many were promoted."""
    due = StrategyTrial.objects.filter(state=StrategyTrial.State.SUGGESTED, tenant__is_active=True)
    due = due.exclude(judged_at__gt=timezone.now() - EVERY)
    return sum(judge_trial(trial) for trial in due.select_related("tenant").order_by("pk"))


def judge_trial(trial: StrategyTrial) -> bool:
    """Whether it was promoted."""
    now = timezone.now()
    target = Target(strategy=trial.strategy, parts=msgspec.convert(trial.parts, Parts))
    found = replay(str(trial.tenant_id), target, now - JUDGED_ON, now, under=trial.strategy)
    better = proven(found)
    with transaction.atomic():
        current = StrategyTrial.objects.select_for_update().get(pk=trial.pk)
        if current.state != StrategyTrial.State.SUGGESTED:
            return False
        current.found, current.judged_at = msgspec.to_builtins(found), now
        if better:
            promote(current, "shown to be no worse")
        current.save()
    return better


def proven(found: Replay) -> bool:
    """Whether what was found is enough to change the tenant's routing without asking."""
    quality = found.causal.doubly_robust.difference
    if not isinstance(quality, Estimate) or quality.effective_sample_size < LEAST_EFFECTIVE:
        return False
    if quality.low > 0 and found.modelled.cost_usd.low <= found.exact.recorded_usd:
        return True
    return quality.low > -HELD and found.modelled.cost_usd.high < found.exact.recorded_usd


def take(trial: StrategyTrial) -> None:
    """A person takes it as it is."""
    promote(trial, "taken by a person")
    trial.state = StrategyTrial.State.TAKEN
    trial.save()


def withdraw(trial: StrategyTrial) -> None:
    trial.state, trial.ended_at = StrategyTrial.State.WITHDRAWN, timezone.now()
    trial.save()


def promote(trial: StrategyTrial, why: str) -> None:
    """The tenant's strategy of that name has its parts from now on. In a transaction; the caller saves the trial."""
    own, _ = TenantStrategy.objects.get_or_create(tenant_id=trial.tenant_id, name=trial.strategy)
    trial.before = own.parts
    own.parts = trial.parts
    own.save()
    trial.state, trial.why, trial.ended_at = StrategyTrial.State.PROMOTED, why, timezone.now()
    log.info("tenant %s: a trial of %s was promoted: %s", trial.tenant_id, trial.strategy, why)


def told(trial: StrategyTrial) -> dict[str, Any]:
    return {
        "id": trial.pk,
        "strategy": trial.strategy,
        "parts": trial.parts,
        "state": trial.state,
        "why": trial.why,
        "created_at": trial.created_at,
        "judged_at": trial.judged_at,
        "ended_at": trial.ended_at,
        "found": trial.found,
    }
