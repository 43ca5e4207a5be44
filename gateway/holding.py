"""May this attempt be paid for? Reserved before it, metered while a stream runs, charged when it is over.

What is reserved is an upper bound of what the attempt can cost, so that no budget is overrun whatever comes. A stream that can
be watched reserves a first piece and is extended as it grows. Where the whole does not fit, the output limit is lowered to
what does, and sent to the provider, unless the caller would rather be refused.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from gateway import budgets
from gateway.bounds import Bound, bound_of
from gateway.refusals import BudgetExhausted, BudgetsUnavailable, Unpriced
from gateway.tally import Tally
from gateway.windows import Full, Window
from routing.types import Attempt, ChatRequest, Held, Model, SpendLimit, usd

FIRST_TOKENS = 1024  # of a stream's output, reserved before it begins
MORE_TOKENS = 1024  # reserved at a time while it runs
AHEAD_TOKENS = 256  # so long before the last is used up
METERED_BYTES = 2  # of text for a token, at least: half as many as usual, so that we are not surprised
SOON_S = 60.0  # for a window that begins so soon, clients may wait by themselves
RETRY_S = 1.0  # what running requests have reserved comes back in the meantime


class Holding:
    """What one attempt has reserved in each of its caller's budgets. Either `let_go` or, once it `began`, `charge` ends it."""

    __slots__ = ("_again_at", "_attempt", "_bound", "_held", "_model", "_output", "_request", "_tally", "metered")

    def __init__(self, model: Model, request: ChatRequest, tally: Tally) -> None:
        self._model, self._request, self._tally = model, request, tally
        self._held: list[tuple[SpendLimit, Window, int]] = []
        self._attempt: Attempt | None = None
        self._bound: Bound | None = None
        self._output = 0  # tokens that are paid for
        self._again_at = 0.0  # monotonic seconds: when more may be asked for, after it was refused
        self.metered = False

    # --- before

    async def reserve(self) -> ChatRequest:
        """The request as it can be paid for. Raises BudgetExhausted, BudgetsUnavailable, Unpriced."""
        tally, limits = self._tally, self._tally.caller.budgets
        tally.clamped = None
        self._refuse_unpriced(limits)
        bound = self._bound = bound_of(self._model, self._request, datetime.fromtimestamp(tally.received_at, UTC).date())
        self.metered = bound.metered and bound.output > FIRST_TOKENS
        wanted = self._output = FIRST_TOKENS if self.metered else bound.output
        for limit in limits:
            want = bound.line(limit.unit).of(self._output)
            window = budgets.current().at_once(limit, tally.received_at, want)
            if window is None:
                await self._take(limit, bound, want)
            else:
                self._held.append((limit, window, want))
        if self._output < wanted:
            self._clamp(bound)
            self._give_back(bound)
        return self._request

    def let_go(self) -> None:
        """It is not made after all."""
        for _, window, amount in self._held:
            window.purse.put(amount)
        self._held.clear()

    def began(self, attempt: Attempt) -> None:
        """From here on it is this attempt that is charged; its intent says what it may cost."""
        self._attempt = attempt
        attempt.holds = tuple([Held(window.hold, limit.unit, amount) for limit, window, amount in self._held])

    async def _take(self, limit: SpendLimit, bound: Bound, want: int) -> None:
        """Near the end of the budget: all of it, or as much of an output as there is still money for."""
        line, clamp = bound.line(limit.unit), self._request.preferences.clamp
        good = line.of(min(self._output, max(self._expected(), bound.least))) if clamp else want
        least = line.of(min(self._output, bound.least)) if clamp else want
        try:
            window, got = await budgets.current().take(limit, self._tally.received_at, want, good, least)
        except Full as full:
            raise _exhausted(full, bound, full.wanted) from None
        self._held.append((limit, window, got))
        if got < want and (affords := line.affords(got)) is not None:
            self._output = min(self._output, affords)

    def _refuse_unpriced(self, limits: tuple[SpendLimit, ...]) -> None:
        if not self._model.priced and any(limit.unit == "usd" and not limit.unpriced for limit in limits):
            raise Unpriced(f"Nobody knows the price of {self._model.id}, and this key has a budget in USD.")

    def _expected(self) -> int:
        """Output tokens that this model is likely to need."""
        ranked = self._tally.decision.ranked if self._tally.decision else ()
        return next((r.forecast.output_tokens for r in ranked if r.model == self._model.id), 0)

    def _clamp(self, bound: Bound) -> None:
        """The caller's limit is replaced by the one that is affordable, in the caller's own field where there is one."""
        limit = self._output // bound.choices
        self._output, self.metered = limit * bound.choices, False
        body, fields = self._request.body, self._request.fields
        names = [name for name in ("max_completion_tokens", "max_tokens") if getattr(body, name) is not None]
        names = names or [self._model.quirks.get("output_limit_field", "max_tokens")]
        self._request = replace(
            self._request,
            body=replace(body, **dict.fromkeys(names, limit)),
            fields={**fields, **dict.fromkeys(names, Raw(msgspec.json.encode(limit)))},
        )
        self._tally.clamped = limit

    def _give_back(self, bound: Bound) -> None:
        """What was reserved before another budget turned out to be the tighter one."""
        for number, (limit, window, amount) in enumerate(self._held):
            needed = bound.line(limit.unit).of(self._output)
            window.purse.put(amount - needed)
            self._held[number] = limit, window, needed

    # --- while it runs

    async def meter(self) -> None:
        """Reserves more before the answer has used up what there is. Raises BudgetExhausted, BudgetsUnavailable when it has."""
        assert self._attempt is not None and self._bound is not None
        usage = self._attempt.usage
        used = usage.output_tokens if usage else -(-self._tally.output_bytes // METERED_BYTES)
        ahead = 0 if usage else AHEAD_TOKENS
        while used > self._output - ahead and self._output < self._bound.output:
            if used < self._output and time.monotonic() < self._again_at:
                return
            try:
                await self._extend(self._bound, min(MORE_TOKENS, self._bound.output - self._output))
            except (BudgetExhausted, BudgetsUnavailable):
                self._again_at = time.monotonic() + RETRY_S
                if usage or used < self._output:  # it is over anyway; or there is a little left
                    return
                raise

    async def _extend(self, bound: Bound, more: int) -> None:
        extended: list[tuple[Window, int]] = []
        try:
            for limit, window, _ in self._held:
                extra = bound.line(limit.unit).each * more
                await budgets.current().extend(window, extra)
                extended.append((window, extra))
        except Full as full:
            raise _exhausted(full, bound, full.wanted, running=True) from None
        finally:
            if len(extended) < len(self._held):
                for window, extra in extended:
                    window.purse.put(extra)
        self._held = [(limit, w, amount + extra) for (limit, w, amount), (_, extra) in zip(self._held, extended, strict=True)]
        self._output += more

    # --- after

    def charge(self) -> None:
        """Never more than there is room for: what a provider bills beyond the limit that it was given is not the tenant's."""
        if not self._held or self._attempt is None:
            return
        attempt, usage = self._attempt, self._attempt.usage
        cost = {"usd": attempt.cost, "tokens": usage.total_tokens if usage else 0}
        for limit, window, amount in self._held:
            cost[limit.unit] = min(cost[limit.unit], window.purse.room(amount))
        attempt.excess = attempt.cost - cost["usd"]
        charged = []
        for limit, window, amount in self._held:
            window.purse.charge(amount, cost[limit.unit])
            charged.append(Held(window.hold, limit.unit, cost[limit.unit]))
        attempt.holds = tuple(charged)
        self._held.clear()


# --- what is told


def _exhausted(full: Full, bound: Bound, wanted: int, *, running: bool = False) -> BudgetExhausted:
    limit, status = full.limit, full.status
    affords = bound.line(limit.unit).affords(status.left)
    resets_in = max(0.0, status.resets_at - time.time())
    returning = status.left + status.returning >= wanted
    what = "The answer was stopped: nothing more of it can be paid for" if running else "This request does not fit"
    return BudgetExhausted(
        f"{what}. Of the budget {limit.name} of {_told(status.size, limit)}, {_told(status.left, limit)} are left "
        f"until {_moment(status.resets_at)}.",
        {
            "limit": limit.name,
            "size": _amount(status.size, limit),
            "left": _amount(status.left, limit),
            "reserved": _amount(status.returning, limit),
            "needed": _amount(wanted, limit),
            "unit": limit.unit,
            "resets_at": _moment(status.resets_at),
            "output_limit": max(0, affords // bound.choices) if affords is not None else None,
        },
        retry_after_s=None if running or wanted > status.size else RETRY_S if returning else resets_in,
        should_retry=not running and wanted <= status.size and (returning or resets_in <= SOON_S),
    )


def _amount(units: int, limit: SpendLimit) -> str | int:
    """USD as an exact decimal, as text; tokens as they are."""
    return usd(units) if limit.unit == "usd" else units


def _told(units: int, limit: SpendLimit) -> str:
    return f"{_amount(units, limit)} {'USD' if limit.unit == 'usd' else 'tokens'}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
