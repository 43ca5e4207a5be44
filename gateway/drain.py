"""How does a process leave? Not ready at once, no new work soon, and what runs may finish.

    SIGTERM                   /readyz says 503; requests are still taken, for load balancers learn of it with a delay
    + DRAIN_LAG_S             new requests are refused with 503 and Retry-After
    when nothing runs, or     the server closes its sockets and ends
    + DRAIN_GRACE_S           what still runs ends with an error event (Stopping), and is recorded as such

The server's own handler of the signal is called at the end of this; a second signal calls it at once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from types import FrameType, TracebackType
from typing import Any

from django.conf import settings

from gateway.errors import Stopping

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_at_work: set[asyncio.Task[Any]] = set()
_leaving = False
_refusing = False
_over = False
log = logging.getLogger("routeplex.drain")


class at_work:  # noqa: N801  # `with at_work():` around one request
    """The process waits for it before it leaves. Raises Stopping where it takes no new work any more."""

    def __enter__(self) -> None:
        if _refusing:
            raise Stopping
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        _at_work.add(task)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _at_work.discard(self._task)


def running() -> int:
    """Requests that this process is answering."""
    return len(_at_work)


def leaving() -> bool:
    return _leaving


def over() -> bool:
    """Whether a cancelled request was cancelled because the grace is over."""
    return _over


def install() -> None:
    """In the thread and the event loop that serve; where there is no server's handler (in tests), nothing happens."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        server = signal.getsignal(number)
        if callable(server) and server is not signal.default_int_handler:
            signal.signal(number, _handler(loop, server))


def _handler(loop: asyncio.AbstractEventLoop, server: Any) -> Any:
    def handle(number: int, frame: FrameType | None) -> None:
        if _leaving:
            server(number, frame)
        else:
            loop.call_soon_threadsafe(_begin, lambda: server(number, frame))

    return handle


_draining: asyncio.Task[None] | None = None  # kept, or it might be collected


def _begin(leave: Any) -> None:
    global _draining, _leaving
    if not _leaving:
        _leaving = True
        _draining = asyncio.create_task(_drain(leave, lag_s=settings.DRAIN_LAG_S, grace_s=settings.DRAIN_GRACE_S))


async def _drain(leave: Any, *, lag_s: float, grace_s: float) -> None:
    global _over, _refusing
    log.info("leaving: %d requests run, and have %g s", len(_at_work), grace_s)
    await asyncio.sleep(lag_s)
    _refusing = True
    if _at_work:
        await asyncio.wait(set(_at_work), timeout=grace_s)
    _over = True
    for task in tuple(_at_work):
        task.cancel("the process is leaving")
    leave()
