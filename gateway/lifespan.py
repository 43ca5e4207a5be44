"""What does a gateway process set up before its first request, and put away after its last?"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from django.conf import settings

from accounts import keys
from gateway import budgets, contents, drain, firsts, limits, operating, probes, readiness, record, transport, vitals
from gateway.budgets import Budgets
from gateway.endpoints import Receive, Send
from gateway.gossip import Gossip
from gateway.journal import Journal, process_name
from gateway.providers import dialects
from gateway.rates import Rates
from routing import weights
from routing.classify import classify_text
from routing.snapshot import catalog, health_of

log = logging.getLogger("routeplex.lifespan")


@asynccontextmanager
async def serving() -> AsyncGenerator[None]:
    """The data plane is ready inside. Raises CatalogError and OSError where it cannot be."""
    dialects(), catalog(), classify_text("")  # what is slow to load, loads now
    journal = Journal(settings.JOURNAL_DIR)
    record.use(journal)
    await transport.open()
    rates = Rates(settings.REDIS_URL, prefix=settings.REDIS_PREFIX)
    limits.use(rates)
    spending = Budgets(process_name(), settings.JOURNAL_DIR)
    budgets.use(spending)
    gc.collect()
    gc.freeze()  # what was loaded stays: the collector need not look at it again while requests wait
    drain.install()
    behind = [asyncio.create_task(task) for task in _behind(journal, rates, spending)]
    readiness.started()
    try:
        yield
    finally:
        await firsts.finish()
        for task in behind:
            task.cancel()
        await asyncio.gather(*behind, return_exceptions=True)
        await contents.write(settings.JOURNAL_DIR)
        await spending.close()
        budgets.use(None)
        limits.use(None)
        await rates.close()
        await transport.close()
        record.use(None)
        journal.close()


def _behind(journal: Journal, rates: Rates, spending: Budgets) -> list[Coroutine[None, None, None]]:
    """What runs behind the requests, for ever."""
    gossip = Gossip(settings.REDIS_URL, health_of(test=False), health_of(test=True), prefix=settings.REDIS_PREFIX)
    active = [probes.run(health_of(test=False))] if settings.ACTIVE_PROBES else []
    return [
        keys.watch(),
        weights.watch(),
        operating.watch(),
        journal.keep_synced(),
        record.pay_debts(),
        rates.beat(),
        spending.run(),
        firsts.beat(),
        contents.keep_written(settings.JOURNAL_DIR),
        gossip.run(),
        vitals.tell(settings.JOURNAL_DIR),
        *active,
    ]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """ASGI's lifespan protocol around `serving`."""
    await receive()
    try:
        async with serving():
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:
        log.exception("the gateway cannot start")
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    await send({"type": "lifespan.shutdown.complete"})
