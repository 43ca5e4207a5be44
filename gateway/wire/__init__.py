"""Which formats do callers speak? One module each: parse what they send, render what they get."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from gateway.tally import Tally
from routing.types import ChatRequest, Completion, Delta

Answer = Sequence[Delta] | Completion
"""What `execute` yields: bursts of deltas, as they arrive together, or one completion."""


class Head(Struct, frozen=True, kw_only=True):
    """Status and headers; always the first piece of an answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    whole: bool = False  # the next piece is the only one


class Wire(Protocol):
    __name__: str  # of the module that speaks it

    def parse(self, body: bytes, headers: Mapping[bytes, bytes], request_id: str) -> ChatRequest:
        """Raises errors.BadRequest, which names the parameter."""
        ...

    def render(self, request: ChatRequest, answers: AsyncIterator[Answer], tally: Tally) -> AsyncGenerator[Head | bytes]:
        """The answer in the caller's format: a Head, then bytes."""
        ...

    def error(self, error: Exception, request_id: str) -> tuple[Head, bytes]:
        """An error before anything was sent."""
        ...

    def error_event(self, error: Exception, request_id: str) -> bytes:
        """An error after the stream began: the last thing that is sent."""
        ...
