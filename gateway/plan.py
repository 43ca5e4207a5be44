"""Who is tried next? Candidates that are well, in the decision's order; then the same one again after a short wait that its
provider asked for; then, with none left, the least bad.

All attempts of a request share one budget (1 + max_fallbacks) and one deadline; further ones also share the process's
(gateway/retries.py). Every candidate can do what the request needs: the decision has seen to that.
"""

from __future__ import annotations

import asyncio
import time
from random import random

from msgspec import Struct

from accounts.credentials import endpoint as endpoint_for
from gateway.errors import ProviderError, Unsayable
from gateway.retries import Turn
from gateway.tally import Tally
from gateway.transport import Stale
from routing.health_store import HealthStore, credential_key
from routing.refusals import Unreachable
from routing.snapshot import catalog
from routing.types import Candidate, Decision, Endpoint

LEAST_S = 0.05  # with less than this left of the deadline, no further attempt begins
SHORT_WAIT_S = 2.0  # a provider that asks for no more is asked again, where nobody else is left
JITTER_S = 0.5  # doubled with each attempt: the most that is waited beyond that


class Step(Struct, frozen=True, kw_only=True):
    """One attempt to make now."""

    candidate: Candidate
    endpoint: Endpoint
    began: float = 0.0  # monotonic seconds

    @property
    def targets(self) -> tuple[str, str]:
        return self.candidate.model.id, credential_key(self.endpoint.credential)


class Plan:
    """Of one request. `deadline`: monotonic seconds."""

    def __init__(self, decision: Decision, tally: Tally, store: HealthStore, turn: Turn, deadline: float) -> None:
        self._tally, self._store, self._turn, self._deadline = tally, store, turn, deadline
        self._automatic = decision.mode == "routeplex-ai"
        self._most = 1 + decision.question.max_fallbacks
        unusable = decision.seen.unusable
        steps = [step for c in decision.candidates if (step := self._step(c)) is not None]
        self._well = [step for step in steps if step.candidate.model.id not in unusable]
        self._ill = [step for step in steps if step.candidate.model.id in unusable]
        self._stale = False  # a stale connection was met, which happens once

    def _step(self, candidate: Candidate) -> Step | None:
        """None where its credential was taken away since the decision."""
        caller = self._tally.caller
        where = endpoint_for(catalog().providers[candidate.model.provider], test=caller.test, own=caller.secrets)
        return None if where is None else Step(candidate=candidate, endpoint=where)

    def first(self) -> Step:
        step = self._next_well() or self._least_bad()
        if step is None:
            raise Unreachable("The credential of every model that could answer was just taken away. Ask the operator for one.")
        return step

    async def after(self, failed: Step, error: ProviderError) -> Step | None:
        """The next attempt, after a pause where one is due; None when the failure is the answer."""
        if not self._may_go_on(error):
            return None
        step = self._same_at_once(failed, error) or self._next_well() or await self._same_later(failed, error)
        step = step or (self._least_bad() if self._turn.allowed() else None)
        if step is not None and self._tally.attempts:
            self._turn.again()
        return step

    def instead(self) -> Step | None:
        """Another model that no budget may have refused yet; None where the caller has named the one that was."""
        return self._next_well() if self._automatic and self._tally.served is None else None

    def _may_go_on(self, error: ProviderError) -> bool:
        # a model that cannot be asked is as good as excluded, unless it is the one that the caller wants
        moves_on = error.moves_on or (isinstance(error, Unsayable) and self._automatic)
        in_time = time.monotonic() < self._deadline - LEAST_S
        return moves_on and in_time and self._tally.served is None and len(self._tally.attempts) < self._most

    def _next_well(self) -> Step | None:
        if len(self._tally.attempts) > 1 and not self._turn.allowed():
            return None
        while self._well:
            step, now = self._well.pop(0), time.monotonic()
            if self._store.admit(step.targets, now):
                return _at(step, now)
            self._ill.append(step)  # since the decision was made
        return None

    def _same_at_once(self, failed: Step, error: ProviderError) -> Step | None:
        """The provider had closed a connection that we kept: it has seen nothing of the request."""
        if self._stale or not isinstance(error, Stale) or not self._turn.allowed():
            return None
        self._stale = True
        return _at(failed, time.monotonic())

    async def _same_later(self, failed: Step, error: ProviderError) -> Step | None:
        wait_s = error.retry_after_s or 0.0
        if error.kind != "rate_limited" or wait_s > SHORT_WAIT_S or not self._turn.allowed():
            return None
        wait_s += random() * JITTER_S * 2 ** len(self._tally.attempts)  # noqa: S311
        if time.monotonic() + wait_s > self._deadline - LEAST_S:
            return None
        await asyncio.sleep(wait_s)
        return _at(failed, time.monotonic())

    def _least_bad(self) -> Step | None:
        """The one that may be well soonest."""
        now = time.monotonic()
        self._ill.sort(key=lambda step: self._store.until(step.targets, now))
        return _at(self._ill.pop(0), now) if self._ill else None


def _at(step: Step, now: float) -> Step:
    return Step(candidate=step.candidate, endpoint=step.endpoint, began=now)
