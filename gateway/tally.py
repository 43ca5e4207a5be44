"""What has happened to one request so far: the one thing on its path that changes.

Made when the request arrives, filled by `chat` and `execute`, read by the renderer and written down by `record`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from gateway.buckets import Room
from gateway.tracing import Trace
from routing.prices import cost, rates_for
from routing.types import Attempt, Caller, Candidate, ChatRequest, Classification, Decision, Endpoint, Model, RateLimit, Usage

BYTES_PER_TOKEN = 4  # of an answer that the provider did not count for us


class Admission(Protocol):
    """gateway.limits.admitted, as attempts need it."""

    async def also(self, model_id: str) -> bool: ...


@dataclass(slots=True, kw_only=True)
class Tally:
    request_id: str
    caller: Caller
    received_at: float  # Unix seconds
    started: float  # monotonic seconds
    trace: Trace | None = None  # where traces are wanted
    request: ChatRequest | None = None
    conversation: bytes = b""  # its key (routing/conversations.py)
    classification: Classification | None = None
    decision: Decision | None = None
    attempts: list[Attempt] = field(default_factory=list)
    served: Candidate | None = None  # who answered, once content has come
    ignored: tuple[str, ...] = ()  # parameters that say nothing to the one who serves, or were left out for it
    room: tuple[RateLimit, Room] | None = None  # what is left under the tightest limit
    clamped: int | None = None  # the output limit that was sent instead of the caller's: the budget afforded no more
    unaffordable: list[str] = field(default_factory=list)  # models for which no budget had room
    admission: Admission | None = None  # who counts it under the caller's limits
    ttft_ms: int | None = None
    output_bytes: int = 0  # of the attempt at work
    replayed: int | None = None  # the status of an earlier answer that was told again

    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    # --- attempts

    def begin(self, candidate: Candidate, endpoint: Endpoint) -> Attempt:
        self.output_bytes = 0
        model = candidate.model
        attempt = Attempt(
            number=len(self.attempts) + 1,
            model=model.id,
            provider=model.provider,
            started_ms=self.elapsed_ms(),
            sandbox=endpoint.sandbox,
            own=endpoint.own,
        )
        self.attempts.append(attempt)
        return attempt

    def answered(self, candidate: Candidate) -> None:
        """The first content of this candidate has come: from here on it is the one that serves."""
        if self.served is not None:
            return
        self.served = candidate
        if self.request is not None and self.request.stream:  # a whole answer has no first token that anybody sees
            self.ttft_ms = self.elapsed_ms()
            self.attempts[-1].ttft_ms = self.ttft_ms - self.attempts[-1].started_ms

    def end(self, attempt: Attempt, model: Model) -> None:
        """Time and money of an attempt that is over, however it ended."""
        attempt.duration_ms = self.elapsed_ms() - attempt.started_ms
        if attempt.usage is None and (self.output_bytes or _was_read(attempt)):
            attempt.usage = self._estimate()
        if attempt.usage is not None and not self.caller.test:
            attempt.cost = price(model, attempt.usage, datetime.fromtimestamp(self.received_at, UTC), attempt.service)

    def _estimate(self) -> Usage:
        """For an answer that broke off before the provider counted it, or that it did not count."""
        asked = self.classification.input_tokens if self.classification else 0
        return Usage(input_tokens=asked, output_tokens=-(-self.output_bytes // BYTES_PER_TOKEN), estimated=True)

    # --- sums

    @property
    def cost(self) -> int:
        """Pico-dollars, over all attempts: a failed one that the provider bills is part of it, what the operator pays not."""
        return sum(attempt.cost - attempt.excess for attempt in self.attempts)

    @property
    def usage(self) -> Usage:
        """Of the attempt that served, or of the last one."""
        return next((a.usage for a in reversed(self.attempts) if a.usage), Usage())

    @property
    def sandbox(self) -> bool:
        return any(attempt.sandbox for attempt in self.attempts)

    @property
    def fallback_used(self) -> bool:
        """Whether another model than the first choice was asked."""
        return bool(self.passed_over) or any(a.model != self.attempts[0].model for a in self.attempts)

    @property
    def passed_over(self) -> list[str]:
        """Models that stood before the one that served and were not asked, because they were not well, or are drained."""
        if self.served is None or self.decision is None:
            return []
        asked, ids = {a.model for a in self.attempts}, [c.model.id for c in self.decision.candidates]
        named = (
            [model for models in self.decision.excluded.values() for model in models] if self.decision.mode == "manual" else []
        )
        return named + [model for model in ids[: ids.index(self.served.model.id)] if model not in asked]


def _was_read(attempt: Attempt) -> bool:
    """Whether the provider is likely to bill the input although no answer came of it: nobody waited, or it broke off."""
    if attempt.error in ("client_gone", "stopped"):
        return attempt.status in (None, 200)
    return attempt.status == 200 and attempt.error in ("timeout", "protocol")


def price(model: Model, usage: Usage, at: datetime, service: str | None = None) -> int:
    """Pico-dollars for `usage`, at the prices of that day and that service tier."""
    return cost(usage, rates_for(model, on=at.date(), input_tokens=usage.input_tokens, service=service))
