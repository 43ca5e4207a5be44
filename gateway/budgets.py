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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path

from django.db import Error as DatabaseError
from django.db import close_old_connections

from gateway import leases
from gateway.journal import folder_id
from gateway.periods import window_at
from gateway.refusals import BudgetsUnavailable
from gateway.windows import Demand, Full, Window, gave_way, granted, serve
from routing.types import Caller, SpendLimit

GRACE_S = 300.0  # without the database
WAIT_S = 5.0  # for an exact grant; a database that is slower than that is as good as away
BEAT_S = 15.0  # between two signs of life, and before what nobody needs is given back
LOOK_S = 1.0  # between two looks at windows that are nearly used up: there what is idle is missed elsewhere
REFUSED_S = 0.5  # so long what the database said last is believed, when it said that there is no more
LATE_S = 3700.0  # after its window has ended, no request can still come to reserve

log = logging.getLogger("routeplex.budgets")


class Budgets:
    """Of one process. `spender` is its name, `journal` the folder of its journal."""

    def __init__(self, spender: str, journal: Path) -> None:
        self._spender, self._folder = spender, journal
        self._windows: dict[tuple[str, float], Window] = {}
        self._current: dict[str, Window] = {}
        self._due: set[Window] = set()  # to be told to the database
        self._near: set[Window] = set()  # nearly used up
        self._thread = ThreadPoolExecutor(1, "budgets")
        self._wake = asyncio.Event()
        self._heard_at = self._seen_at = -inf  # monotonic seconds: from the database; by it
        self._looked_at = self._swept_at = -inf
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
            window.ahead = True
            self._want(window)
        return True

    def _want(self, window: Window) -> None:
        self._due.add(window)
        self._wake.set()

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
        self._want(window)
        got = None
        try:
            async with asyncio.timeout(WAIT_S):
                got = await demand.answer
            return got
        except TimeoutError:
            raise BudgetsUnavailable from None
        finally:
            if got is None and granted(demand):  # in the same moment in which we stopped waiting
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
                self._look(time.monotonic())
                await self._exchange()
            except Exception:  # whatever it was, those who wait must have an answer, also the next ones
                log.exception("budgets cannot be asked")
                self._answer_none()

    async def close(self) -> None:
        """After the last request: what is left goes back. Where that fails, the recorder sees to it."""
        for window in self._windows.values():
            window.purse.low = window.purse.free
            self._give_back(window, 0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self._exchange()
        self._thread.shutdown(wait=False)

    def _look(self, now: float) -> None:
        """What nobody has needed since the last look goes back: soon where it is missed, else after a while, but for a slice."""
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            for window in self._near:
                self._give_back(window, 0)
        if now - self._swept_at >= BEAT_S:
            self._swept_at = now
            for key, window in list(self._windows.items()):
                over = time.time() >= window.ends_at or window.size != window.limit.size
                self._give_back(window, 0 if over else window.slice)
                if time.time() > window.ends_at + LATE_S and window not in self._due and not window.purse.reserved:
                    self._forget(key, window)

    def _give_back(self, window: Window, keep: int) -> None:
        if window.purse.give_back(keep):
            self._due.add(window)

    def _forget(self, key: tuple[str, float], window: Window) -> None:
        del self._windows[key]
        self._near.discard(window)
        if self._current.get(window.limit.id) is window:
            del self._current[window.limit.id]

    async def _exchange(self) -> None:
        """All that is to be said to the database, in one go and in a thread."""
        now = time.monotonic()
        beat = bool(self._windows) and now - self._seen_at >= BEAT_S
        if not self._due and not beat:
            return
        due, self._due = [(window, window.ask(), len(window.waiting)) for window in self._due], set()
        loop = asyncio.get_running_loop()
        answers, lost = await loop.run_in_executor(self._thread, self._leased, [ask for _, ask, _ in due], beat)
        for (window, ask, _), leased in zip(due, answers, strict=False):
            window.learn(ask, leased, time.monotonic())
            (self._near.add if window.near else self._near.discard)(window)
        for window, _, number in due:
            if lost is None and gave_way(window):
                self._want(window)  # those who wait, wait for one more exchange
            else:
                serve(window, number, lost=lost)
            if window.waiting or window.told != window.purse.returned:
                self._due.add(window)
        self._note(lost)

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

    def _note(self, lost: Exception | None) -> None:
        if lost is None:
            self._heard_at = time.monotonic()
        if (lost is not None) != self._away:
            self._away = lost is not None
            log.warning("budgets: the database is %s", f"away ({lost!r}); what was granted may be spent" if lost else "back")

    def _answer_none(self) -> None:
        for window in self._windows.values():
            serve(window, len(window.waiting), lost=BudgetsUnavailable())
            if window.told != window.purse.returned:
                self._due.add(window)


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
