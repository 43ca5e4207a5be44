"""How does a window of a budget stand, as one process knows it, and who waits for more of it?"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from msgspec import Struct

from gateway.leases import SLICES, Ask, Leased
from gateway.purses import Purse
from gateway.refusals import BudgetsUnavailable
from routing.types import SpendLimit

NEAR = 20  # a window is nearly used up when less than this part of it is left


class Left(Struct, frozen=True, kw_only=True):
    """What could not be had, and how things stand."""

    size: int
    left: int  # not spent, not reserved by anybody
    returning: int  # reserved by requests that run: some of it will come back
    resets_at: float  # Unix seconds


@dataclass(slots=True)
class Demand:
    """A request that waits: `want`, or at least `least`; less than `good` only where waiting would not help."""

    want: int
    good: int
    least: int
    answer: asyncio.Future[int]


@dataclass(slots=True, eq=False)
class Window:
    """A window of a budget, as this process knows it."""

    limit: SpendLimit
    starts_at: float
    ends_at: float
    purse: Purse = field(default_factory=Purse)
    waiting: deque[Demand] = field(default_factory=deque)
    hold: int = 0
    size: int = -1  # of the budget, as the database said last; -1: not asked yet
    spent: int = 0
    reserved: int = 0  # by all processes
    settled: int = 0  # of what this process has spent
    told: int = 0  # of `purse.returned`, what the database knows
    asked_at: float = 0.0  # monotonic seconds
    gave_at: float = 0.0
    ahead: bool = False  # more in advance would be good

    @property
    def room(self) -> int:
        """What nobody has, as far as we know."""
        return max(0, self.size - self.spent - self.reserved)

    @property
    def unspent(self) -> int:
        """What nobody has spent, as far as we know: running requests have reserved some of it."""
        return max(0, self.size - self.spent - (self.purse.charged - self.settled))

    @property
    def near(self) -> bool:
        return self.room * NEAR < self.size

    @property
    def slice(self) -> int:
        return self.room // SLICES

    def ask(self) -> Ask:
        """What is to be said to the database: what those who wait need, and what is given back."""
        missing = sum(demand.want for demand in self.waiting) - self.purse.free
        ahead, self.ahead = self.ahead, False
        return Ask(
            budget=self.limit.id,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            need=max(missing, 1) if ahead or self.waiting else 0,
            returned=self.purse.returned,
        )

    def learn(self, ask: Ask, leased: Leased, now: float) -> None:
        """What the database has answered."""
        self.hold, self.size, self.settled = leased.hold, leased.size, leased.settled
        self.spent, self.reserved = leased.spent, leased.reserved
        self.purse.granted = leased.granted if leased.hold else self.purse.granted - self.purse.free
        self.told, self.asked_at = ask.returned, now

    def status(self) -> Left:
        left = self.room + self.purse.free
        returning = max(0, self.unspent - left)
        return Left(size=max(self.size, 0), left=left, returning=returning, resets_at=self.ends_at)


class Full(Exception):
    """This budget has no room for that. Raised by `take`."""

    def __init__(self, window: Window, wanted: int) -> None:
        super().__init__(window.limit.name)
        self.limit, self.status, self.wanted = window.limit, window.status(), wanted


def gave_way(window: Window) -> bool:
    """The budget is smaller than what is spent and held of it: what is free goes back first. Whether there was any."""
    if window.spent + window.reserved <= window.size:
        return False
    window.purse.low = window.purse.free
    return window.purse.give_back(0)


def granted(demand: Demand) -> bool:
    return demand.answer.done() and not demand.answer.cancelled() and demand.answer.exception() is None


def serve(window: Window, number: int, *, lost: Exception | None) -> None:
    """The first so many who wait get all, or something, or a refusal: the database has been asked for them."""
    for demand in [window.waiting.popleft() for _ in range(number)]:
        if demand.answer.done():
            continue
        got = min(demand.want, window.purse.free)
        if got >= _enough(window, demand, lost):
            window.purse.take(got)
            demand.answer.set_result(got)
        else:
            demand.answer.set_exception(BudgetsUnavailable() if lost else Full(window, demand.want))


def _enough(window: Window, demand: Demand, lost: Exception | None) -> int:
    """Rather all of it, a moment later, than a stump of an answer now."""
    if lost is not None:
        return demand.want
    return demand.good if window.unspent >= demand.want else demand.least
