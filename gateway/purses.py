"""How much of a window may this process spend, and how much of that is free? Pure.

A purse is this process's side of a hold. What the database granted it was taken from the window at once, so whatever happens
here, all processes together cannot spend more than the window has:

    granted - returned - charged - reserved = free

The three sums that the database knows (granted, returned; charged as it arrives through the journal) only grow and are told
as such: to tell them twice changes nothing, and what was told last holds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Purse:
    """Whole units: pico-dollars or tokens."""

    granted: int = 0  # by the database, ever
    returned: int = 0  # to it, ever
    charged: int = 0  # by attempts that are over, ever
    reserved: int = 0  # by attempts that run
    low: int = 0  # the least that was free since `give_back`

    @property
    def free(self) -> int:
        return self.granted - self.returned - self.charged - self.reserved

    def take(self, amount: int) -> bool:
        """Reserves it, where it is free."""
        if amount > self.free:
            return False
        self.reserved += amount
        self.low = min(self.low, self.free)
        return True

    def put(self, amount: int) -> None:
        """Of what was reserved, so much is not needed after all."""
        self.reserved -= amount

    def room(self, reserved: int) -> int:
        """The most that an attempt which has reserved so much may come to cost."""
        return reserved + self.free

    def charge(self, reserved: int, cost: int) -> None:
        """The attempt is over. `cost` is at most `room(reserved)`."""
        self.reserved -= reserved
        self.charged += cost
        self.low = min(self.low, self.free)

    def give_back(self, keep: int) -> bool:
        """What nobody has needed since the last time, beyond `keep`; whether there was any. From now on it is gone."""
        spare = max(0, min(self.low, self.free) - keep)
        self.returned += spare
        self.low = self.free
        return spare > 0
