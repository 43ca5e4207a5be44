"""Ask, and fall back: candidates in the plan's order until one answers.

    before the first content   any failure that is the provider's moves on to the next candidate
    after it                   a failure is final: no second model continues another's sentence

A request that is itself wrong, a refusal and a content filter are answers: nobody else is asked. A model for which a budget
has no room is passed over where the router may choose.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.attempts import attempt
from gateway.errors import AttemptsFailed, ProviderError
from gateway.plan import Plan
from gateway.record import recording
from gateway.refusals import BudgetExhausted
from gateway.retries import Retries, Turn
from gateway.tally import Tally
from gateway.wire import Answer
from routing.snapshot import health_of
from routing.types import ChatRequest, Decision

RETRIES = Retries()


async def execute(decision: Decision, request: ChatRequest, tally: Tally, record: recording) -> AsyncGenerator[Answer]:
    """Bursts of deltas for a stream, one completion otherwise. Raises AttemptsFailed, JournalUnavailable, what Holding does."""
    deadline = tally.started + request.preferences.timeout_ms / 1000
    with Turn(RETRIES) as turn:
        plan = Plan(decision, tally, health_of(test=tally.caller.test), turn, deadline)
        step = plan.first()
        while True:
            try:
                async with aclosing(attempt(step, request, tally, record, deadline)) as answers:
                    async for answer in answers:
                        yield answer
                record.ended(None)
                return
            except ProviderError as error:
                following = await plan.after(step, error)
                if following is None:
                    raise AttemptsFailed(error, tally.attempts) from error
                step = following
            except BudgetExhausted:
                following = plan.instead()
                if following is None:
                    raise
                tally.unaffordable.append(step.candidate.model.id)
                step = following
