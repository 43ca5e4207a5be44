"""May this request begin? Its key's and its tenant's limits, before anybody is asked and settled when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from msgspec.structs import replace

from gateway.buckets import Full, RateLimited, Room, Sizes
from gateway.rates import Claim, Rates
from gateway.tally import Tally
from routing.types import Decision, RateLimit

_rates: Rates | None = None


def use(rates: Rates | None) -> None:
    """This process's counters, from its start to its end."""
    global _rates
    _rates = rates


def without_redis() -> bool:
    """Whether this process counts its share of the limits by itself."""
    return _rates is not None and _rates.alone


class admitted:  # noqa: N801  # `async with admitted(decision, tally) as decision:`
    """The request counts from here on, and as what it really used when it leaves. A model whose own limit is full is passed
    over where the router may choose. Raises RateLimited."""

    def __init__(self, decision: Decision, tally: Tally) -> None:
        self._decision, self._tally = decision, tally
        self._claim: Claim | None = None
        self._others: dict[str, Claim] = {}  # by model: of those that are asked in place of the first
        tally.admission = self

    async def __aenter__(self) -> Decision:
        if not self._tally.caller.limits or _rates is None:
            return self._decision
        while True:
            first, *others = self._decision.candidates
            limits = [limit for limit in self._tally.caller.limits if limit.model in ("", first.model.id)]
            claim = self._claimed(limits)
            room = await _rates.admit(claim)
            if not isinstance(room, Full):
                self._claim = claim
                self._tally.room = _tightest(limits, room)
                return self._decision
            if not (others and limits[room.limit].model and self._decision.mode == "routeplex-ai"):
                raise RateLimited(limits[room.limit], room)
            self._decision = replace(self._decision, candidates=tuple(others))

    async def also(self, model_id: str) -> bool:
        """Whether this model may be asked in place of the first: its own limits have room, and count the request, too."""
        limits = [limit for limit in self._tally.caller.limits if limit.model == model_id]
        known = model_id == self._decision.candidates[0].model.id or model_id in self._others
        if known or not limits or _rates is None:
            return True
        claim = self._claimed(limits, member=f"{self._tally.request_id}:{len(self._others) + 1}")
        if isinstance(await _rates.admit(claim), Full):
            return False
        self._others[model_id] = claim
        return True

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._claim is None or _rates is None:
            return
        used = [(a.model, a.usage.total_tokens) for a in self._tally.attempts if a.usage]
        _rates.settle(self._claim, sum(tokens for _, tokens in used))
        for model_id, claim in self._others.items():
            _rates.settle(claim, sum(tokens for model, tokens in used if model == model_id))

    def _claimed(self, limits: Sequence[RateLimit], member: str | None = None) -> Claim:
        caller, classification = self._tally.caller, self._tally.classification
        assert classification is not None
        expected = self._decision.ranked[0].forecast.output_tokens
        return Claim(
            member=member or self._tally.request_id,
            names=tuple(_name(limit, caller.tenant_id, caller.key_id) for limit in limits),
            sizes=tuple(Sizes(x.requests_per_minute or 0, x.tokens_per_minute or 0, x.running or 0) for x in limits),
            tokens=classification.input_tokens + expected,
        )


def _name(limit: RateLimit, tenant_id: str, key_id: str) -> str:
    """The braces keep a tenant's keys in one slot of a Redis cluster."""
    return f"{{{tenant_id}}}:{key_id if limit.owner == 'key' else 'all'}:{limit.model or '*'}"


def _tightest(limits: Sequence[RateLimit], rooms: Sequence[Room]) -> tuple[RateLimit, Room] | None:
    """The limit of which the least is left, as a share of it: the one that a caller should know of."""
    return min(zip(limits, rooms, strict=True), key=_share_left, default=None)


def _share_left(pair: tuple[RateLimit, Room]) -> float:
    limit, room = pair
    kinds = ((room.requests, limit.requests_per_minute), (room.tokens, limit.tokens_per_minute))
    return min([1.0, *(left / size for left, size in kinds if left is not None and size)])
