"""When is a piece of a stream worth sending? The native API's two paces.

buffered    whole sentences where it can be: at a sentence's end after 50 ms, wherever it stands after 150
realtime    whatever has come, every 10 ms
"""

from __future__ import annotations

from routing.types import Pace

_LEAST_S = {"buffered": 0.05, "realtime": 0.01}
_MOST_S = {"buffered": 0.15, "realtime": 0.01}
_ENDS = (".", "!", "?", ":", ";", "\n", "。", "！", "？", "；", "：")


class Buffer:
    """Text that has come and has not left. Times are seconds of one clock; they count from the oldest text that waits."""

    def __init__(self, pace: Pace) -> None:
        self._least, self._most = _LEAST_S[pace], _MOST_S[pace]
        self._parts: list[str] = []
        self._since = 0.0

    def add(self, text: str, now: float) -> None:
        if not self._parts:
            self._since = now
        self._parts.append(text)

    def due(self) -> float | None:
        """When it is to leave; None while there is nothing."""
        if not self._parts:
            return None
        ended = self._parts[-1].rstrip(" ").endswith(_ENDS)
        return self._since + (self._least if ended else self._most)

    def take(self) -> str:
        text, self._parts = "".join(self._parts), []
        return text
