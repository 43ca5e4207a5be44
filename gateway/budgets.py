"""What may this process spend, of which budget? Reserved in memory, from what the database has granted in advance.

    at_once  before an attempt: mostly out of the purse
    take     near the limit: the request waits for an exact grant
    run      behind the requests: asks the database for more before it is needed, and gives back what nobody needs

While the database is away, what has been granted may be spent for GRACE_S. Nobody else can have it meanwhile: a hold ends
only by the one who has it, or by the recorder once it has seen that this process is dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from django.db import Error as DatabaseError
from django.db import close_old_connections
from msgspec import Struct

from gateway import leases
from gateway.journal import folder_id
from gateway.periods import window_at
from gateway.purses import Purse
from gateway.refusals import BudgetsUnavailable
from routing.types import Caller, SpendLimit

GRACE_S = 300.0  # without the database
WAIT_S = 5.0  # for an exact grant; a database that is slower than that is as good as away
BEAT_S = 15.0  # between two signs of life, and before what nobody needs is given back
LOOK_S = 1.0  # between two looks at windows that are nearly used up: there what is idle is missed elsewhere
NEAR = 20  # a window is nearly used up when less than this part of it is left
REFUSED_S = 0.5  # so long what the database said last is believed, when it said that there is no more
LATE_S = 3700.0  # after its window has ended, no request can still come to reserve

log = logging.getLogger("routeplex.budgets")


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


@dataclass(slots=True)
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
    more: bool = False  # a slice in advance would be good

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
        return self.room // leases.SLICES

    def status(self) -> Left:
        left = self.room + self.purse.free
        returning = max(0, self.unspent - left)
        return Left(size=max(self.size, 0), left=left, returning=returning, resets_at=self.ends_at)


class Full(Exception):
    """This budget has no room for that. Raised by `take`."""

    def __init__(self, window: Window, wanted: int) -> None:
        super().__init__(window.limit.name)
        self.limit, self.status, self.wanted = window.limit, window.status(), wanted


class Budgets:
    """Of one process. `spender` is its name, `journal` the folder of its journal."""

    def __init__(self, spender: str, journal: Path) -> None:
        self._spender, self._folder = spender, journal
        self._windows: dict[tuple[str, float], Window] = {}
        self._current: dict[str, Window] = {}
        self._thread = ThreadPoolExecutor(1, "budgets")
        self._wake = asyncio.Event()
        self._heard_at = self._seen_at = float("-inf")  # monotonic seconds: from the database; by it
        self._away = False

    # --- a request's side

    def at_once(self, limit: SpendLimit, at: float, want: int) -> Window | None:
        """Reserves `want` out of the purse; None where it is not there. Raises BudgetsUnavailable."""
        window = self._window(limit, at)
        if time.monotonic() - self._heard_at > GRACE_S and window.hold:
            self._wake.set()
            raise BudgetsUnavailable
        return window if window.size == limit.size and self._at_once(window, want) else None

    async def take(self, limit: SpendLimit, at: float, want: int, good: int, least: int) -> tuple[Window, int]:
        """Reserves `want`, or what the database has of it; at least `least`. Raises Full, BudgetsUnavailable."""
        if (window := self.at_once(limit, at, want)) is not None:
            return window, want
        window = self._window(limit, at)
        return window, await self._exact(window, want, good, least)

    async def extend(self, window: Window, amount: int) -> None:
        """The same for an attempt that runs. Raises Full, BudgetsUnavailable."""
        if not self._at_once(window, amount):
            await self._exact(window, amount, amount, amount)

    def _at_once(self, window: Window, amount: int) -> bool:
        """Out of the purse, unless others wait for what comes into it."""
        if window.waiting or not window.purse.take(amount):
            return False
        if window.purse.free < window.slice // 2:
            window.more = True
            self._wake.set()
        return True

    def left(self, limits: Sequence[SpendLimit], at: float) -> int | None:
        """Pico-dollars that a request could have now, as far as this process knows; None: no budget, or nothing known."""
        windows = [self._window(limit, at) for limit in limits if limit.unit == "usd"]
        return min((w.room + w.purse.free for w in windows if w.size >= 0), default=None)

    def _window(self, limit: SpendLimit, at: float) -> Window:
        window = self._current.get(limit.id)
        if window is not None and window.starts_at <= at < window.ends_at and window.limit.zone == limit.zone:
            window.limit = limit
            return window
        starts_at, ends_at = window_at(limit.period, limit.zone, at)
        window = self._windows.setdefault((limit.id, starts_at), Window(limit, starts_at, ends_at))
        self._current[limit.id] = window
        return window

    async def _exact(self, window: Window, want: int, good: int, least: int) -> int:
        """Waits for the database, in a thread and with all others that do (docs/architecture.md)."""
        demand = Demand(want, good, least, asyncio.get_running_loop().create_future())
        asked_lately = time.monotonic() - window.asked_at < REFUSED_S and window.size == window.limit.size
        if asked_lately and not window.waiting and window.room + window.purse.free < demand.least:
            raise Full(window, want)
        window.waiting.append(demand)
        self._wake.set()
        got = None
        try:
            async with asyncio.timeout(WAIT_S):
                got = await demand.answer
            return got
        except TimeoutError:
            raise BudgetsUnavailable from None
        finally:
            if got is None and _granted(demand):  # in the same moment in which we stopped waiting
                window.purse.put(demand.answer.result())

    # --- behind the requests

    async def run(self) -> None:
        """For ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                self._give_back(time.monotonic())
                await self._exchange()
            except Exception:  # whatever it was, those who wait must have an answer, also the next ones
                log.exception("budgets cannot be asked")
                self._answer_none()

    async def close(self) -> None:
        """After the last request: what is left goes back. Where that fails, the recorder sees to it."""
        for window in self._windows.values():
            window.purse.low = window.purse.free
            window.purse.give_back(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self._exchange()
        self._thread.shutdown(wait=False)

    def _give_back(self, now: float) -> None:
        """What nobody has needed since the last look; at once where it is missed, else after a while and but for a slice."""
        for key, window in list(self._windows.items()):
            over = time.time() >= window.ends_at or window.size != window.limit.size
            if over or window.near or now - window.gave_at >= BEAT_S:
                window.gave_at = now
                window.purse.give_back(0 if over or window.near else window.slice)
            idle = not window.waiting and not window.purse.reserved and window.told == window.purse.returned
            if idle and time.time() > window.ends_at + LATE_S:
                del self._windows[key]

    async def _exchange(self) -> None:
        """All that is to be said to the database, in one go and in a thread."""
        due = [w for w in self._windows.values() if w.waiting or w.more or w.told != w.purse.returned]
        now = time.monotonic()
        if not due and (not self._windows or now - self._seen_at < BEAT_S):
            return
        asks = [self._ask(window) for window in due]
        loop = asyncio.get_running_loop()
        answers, lost = await loop.run_in_executor(self._thread, self._leased, asks, now - self._seen_at >= BEAT_S)
        for window, ask, leased in zip(due, asks, answers, strict=False):
            self._learn(window, ask, leased)
        for window in due:
            if lost is None and _lowered(window):
                self._wake.set()  # those who wait, wait for one more exchange
            else:
                _serve(window, lost=lost)
        self._note(lost)

    def _ask(self, window: Window) -> leases.Ask:
        missing = sum(demand.want for demand in window.waiting) - window.purse.free
        ahead, window.more = window.more, False
        return leases.Ask(
            budget=window.limit.id,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            need=max(missing, 1) if ahead or window.waiting else 0,
            returned=window.purse.returned,
        )

    def _leased(self, asks: Sequence[leases.Ask], beat: bool) -> tuple[list[leases.Leased], Exception | None]:
        """In the thread: as many answers as could be had, and what came in between."""
        answers: list[leases.Leased] = []
        try:
            close_old_connections()
            journal = folder_id(self._folder)
            if beat:
                leases.enrol(self._spender, journal)
                self._seen_at = time.monotonic()
            for leased in leases.lease(self._spender, journal, asks):
                answers.append(leased)
        except DatabaseError as error:
            return answers, error
        finally:
            close_old_connections()
        return answers, None

    def _learn(self, window: Window, ask: leases.Ask, leased: leases.Leased) -> None:
        window.hold, window.size, window.settled = leased.hold, leased.size, leased.settled
        window.spent, window.reserved = leased.spent, leased.reserved
        purse = window.purse
        purse.granted = leased.granted if leased.hold else purse.granted - purse.free
        window.told, window.asked_at = ask.returned, time.monotonic()

    def _note(self, lost: Exception | None) -> None:
        if lost is None:
            self._heard_at = time.monotonic()
        if (lost is not None) != self._away:
            self._away = lost is not None
            log.warning("budgets: the database is %s", f"away ({lost!r}); what was granted may be spent" if lost else "back")

    def _answer_none(self) -> None:
        for window in self._windows.values():
            _serve(window, lost=BudgetsUnavailable())


def _lowered(window: Window) -> bool:
    """The budget is smaller than what is spent and held of it: what is free goes back first. Whether there was any."""
    if window.spent + window.reserved <= window.size:
        return False
    window.purse.low = window.purse.free
    return window.purse.give_back(0)


def _granted(demand: Demand) -> bool:
    return demand.answer.done() and not demand.answer.cancelled() and demand.answer.exception() is None


def _serve(window: Window, *, lost: Exception | None) -> None:
    """Everybody who waits gets all, or something, or a refusal."""
    while window.waiting:
        demand = window.waiting.popleft()
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


_budgets: Budgets | None = None


def use(budgets: Budgets | None) -> None:
    """This process's, from its start to its end."""
    global _budgets
    _budgets = budgets


def left_of(caller: Caller, at: float) -> int | None:
    """Pico-dollars; None: no budget, or nothing known."""
    return current().left(caller.budgets, at) if caller.budgets else None


def current() -> Budgets:
    assert _budgets is not None, "budgets.use() comes first"
    return _budgets
