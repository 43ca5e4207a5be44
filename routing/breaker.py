"""Should a target be left alone for a while? A breaker, as one process sees it; processes tell each other of changes.

    closed       requests go there
    open         until `open_until` none does, and longer each time in a row that it opens
    half-open    after that one probe may, of one process: the one that holds the lease (where processes share)
    ramp         the probe was answered: a tenth of the requests, then half of them, then all

A change counts up `version`; of two changes that cross, the higher version holds, of equal ones the more careful.
"""

from __future__ import annotations

from dataclasses import dataclass

OPEN_S = 5.0  # times how often it has opened in a row
OPEN_MOST_S = 120.0
JITTER = 0.2  # of the open time, either way: not all that share a provider come back at once
RAMP = (0.1, 0.5)  # share of requests on each rung; then all
RUNG_S = 10.0  # the longest on one rung: who has little traffic gets no answer that would lift it
PROBE_S = 60.0  # a probe that has not come back by then is given up


@dataclass(slots=True)
class Breaker:
    """Times are monotonic seconds; `draw` and `jitter` are random numbers from 0 to 1."""

    version: int = 0
    opened: int = 0  # times in a row; 0: closed
    open_until: float = 0.0
    rung: int = 0  # 0: open or half-open, else 1 + the place in RAMP
    since: float = 0.0  # the last change
    leased_until: float = 0.0  # this process may send a probe
    probe_began: float = 0.0  # and has done so
    asked: float = 0.0  # when somebody would last have sent a probe

    def lets(self, now: float, draw: float, alone: bool) -> bool:
        """Whether a request may go there. `alone`: no other process is to be asked before a probe."""
        if not self.opened:
            return True
        if self.rung:
            return draw < self.share(now)
        self.asked = now
        return self.half_open(now) and not self.probing(now) and (alone or now < self.leased_until)

    def half_open(self, now: float) -> bool:
        return self.opened > 0 and self.rung == 0 and now >= self.open_until

    def probing(self, now: float) -> bool:
        return self.probe_began > 0 and now < self.probe_began + PROBE_S

    def share(self, now: float) -> float:
        """Of the requests that may go there, on the rung that time and answers have lifted it to."""
        if not self.opened:
            return 1.0
        step = self.rung - 1 + int((now - self.since) / RUNG_S)
        return 0.0 if not self.rung else RAMP[step] if step < len(RAMP) else 1.0

    def take(self, now: float) -> None:
        """A request goes there now; if it is the probe, no other one does until it is back."""
        if self.half_open(now):
            self.probe_began, self.leased_until = now, 0.0

    def give_back(self, began: float) -> None:
        """The attempt that began then ended without a word about the target; if it was the probe, another may be."""
        if began == self.probe_began:
            self.probe_began = 0.0

    def open(self, now: float, jitter: float) -> None:
        self.opened += 1
        self.asked = now
        self.open_until = now + min(OPEN_S * self.opened, OPEN_MOST_S) * (1 + JITTER * (2 * jitter - 1))
        self._change(now, rung=0)

    def hold(self, now: float, seconds: float) -> None:
        """Open for so long, because somebody says so."""
        self.opened = max(self.opened, 1)
        self.asked, self.open_until = now, now + seconds
        self._change(now, rung=0)

    def answered(self, began: float, now: float) -> bool:
        """An attempt that began at `began` was answered; whether that closed the breaker. Only what began after the last
        change says something: each rung lasts at least as long as one answer takes."""
        if not self.opened or began < self.since:
            return False
        if self.rung < len(RAMP):
            self._change(now, rung=self.rung + 1)
            return False
        self.close(now)
        return True

    def failed(self, began: float, now: float, jitter: float) -> None:
        """An attempt failed while the breaker was not closed: a probe, or one of the ramp, opens it again."""
        if self.opened and began >= self.since and now >= self.open_until:
            self.open(now, jitter)

    def close(self, now: float) -> None:
        self.opened, self.open_until = 0, 0.0
        self._change(now, rung=0)

    def settle(self, now: float) -> bool:
        """Closes it when time has lifted it off the ramp; whether it has."""
        if not (self.rung and self.share(now) >= 1.0):
            return False
        self.close(now)
        return True

    def adopt(self, version: int, opened: int, rung: int, open_until: float, now: float) -> bool:
        """Another process's state, where it is newer than ours, or more careful; whether it was."""
        if (version, opened, -rung) <= (self.version, self.opened, -self.rung):
            return False
        self.opened, self.open_until = opened, open_until
        self._change(now, rung=rung)
        self.version = version
        return True

    def _change(self, now: float, *, rung: int) -> None:
        self.rung, self.since = rung, now
        self.version += 1
        self.leased_until = self.probe_began = 0.0
