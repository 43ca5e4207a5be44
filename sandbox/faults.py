"""What goes wrong, when, and for whom? Faults that are switched on at run time."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "status", "delay", "hang", "cut", "garbage", "trickle", "empty", "error_event", "no_finish", "html", "json_error_200",
    "half_tool_call", "usage_missing", "poor",
]  # fmt: skip


class Fault(Struct, kw_only=True, forbid_unknown_fields=True):
    model: str = "*"
    kind: Kind
    provider: str | None = None
    status: int = 503
    retry_after: float | None = None
    delay_ms: int = 1000
    after_events: int = 3
    times: int | None = None  # None: until it is taken away
    about: str = ""  # only where the conversation has this in it


class Faults:
    def __init__(self) -> None:
        self.all: list[Fault] = []

    def take(self, provider: str, model: str, text: str) -> Fault | None:
        """The fault for this request, if there is one; a counted one is used up by it."""
        for fault in self.all:
            if fault.model in ("*", model) and fault.provider in (None, provider) and fault.about in text:
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.all.remove(fault)
                return fault
        return None
