"""How does what was learned reach the requests? In and out of the database, and into each gateway process's memory.

publish      a new version, served at once
serve        an older one, or none
learned_of   what is served, from memory: it never waits. A tenant that this process has not seen yet is looked up behind
             the request, which is routed by the priors
watch        in every gateway process, for ever: changes reach it within a second or two
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec
from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from routing.learned import NOTHING, Learned

EVERY_S = 1.0
OVERLAP = timedelta(seconds=60)  # hosts' clocks differ, and a row may be committed after a later one
REMEMBERED = 20_000  # tenants in memory

log = logging.getLogger("routeplex.weights")
_decode = msgspec.json.Decoder(Learned).decode

_known: dict[str, Learned] = {}
_wanted: set[str] = set()
_asked: asyncio.Event | None = None


# --- in a gateway process


def learned_of(tenant_id: str) -> Learned | None:
    """None: nothing, or not known yet."""
    known = _known.get(tenant_id) if tenant_id else NOTHING  # nobody: who asks for an estimate has no tenant
    if known is None:
        _wanted.add(tenant_id)
        if _asked is not None:
            _asked.set()
        return None
    return known if known.version else None


async def watch() -> None:
    global _asked
    _asked = asyncio.Event()
    seen: set[tuple[str, object]] = set()
    while True:
        try:
            rows = await database_sync_to_async(_changed, thread_sensitive=False)()
            changed = {tenant for tenant, _ in rows - seen if tenant in _known}
            await _read(changed | _wanted)
            seen = rows
        except DatabaseError:
            pass  # what is known stays: it is no worse than it was
        except Exception:
            log.exception("learned weights cannot be read")
            _wanted.clear()  # whatever it was, the next ones must be read
        _asked.clear()
        try:
            async with asyncio.timeout(EVERY_S):
                await _asked.wait()
        except TimeoutError:
            pass


async def _read(tenants: Iterable[str]) -> None:
    wanted = sorted(tenants)
    if not wanted:
        return
    found = await database_sync_to_async(served, thread_sensitive=False)(wanted)
    for tenant in wanted:
        if len(_known) >= REMEMBERED:
            del _known[next(iter(_known))]
        _known[tenant] = found.get(tenant, NOTHING)
    _wanted.difference_update(wanted)


def _changed() -> set[tuple[str, object]]:
    from routing.models import ServedWeights

    rows = ServedWeights.objects.filter(changed_at__gte=timezone.now() - OVERLAP).values_list("tenant_id", "changed_at")
    return {(str(tenant), at) for tenant, at in rows}


def forget_all() -> None:
    """For tests, and for whoever restores a database."""
    _known.clear()
    _wanted.clear()


# --- the database


def served(tenants: Sequence[str]) -> dict[str, Learned]:
    """What each is routed by; who has nothing is not in it."""
    from routing.models import ServedWeights

    versions = dict(ServedWeights.objects.filter(tenant_id__in=tenants, version__gt=0).values_list("tenant_id", "version"))
    return {str(tenant): one for tenant, version in versions.items() if (one := version_of(str(tenant), version)) is not None}


def version_of(tenant_id: str, version: int) -> Learned | None:
    """None where there is no such version, or not any more."""
    from routing.models import LearnedWeights

    row = LearnedWeights.objects.filter(tenant_id=tenant_id, version=version).first()
    return None if row is None else _decode(bytes(row.weights))


def newest_of(tenant_id: str) -> Learned | None:
    """The last version that was published, whichever is served."""
    from routing.models import LearnedWeights

    row = LearnedWeights.objects.filter(tenant_id=tenant_id).order_by("-version").first()
    return None if row is None else _decode(bytes(row.weights))


@transaction.atomic
def publish(tenant_id: str, learned: Learned, beliefs: bytes, *, reason: str, serve_it: bool = True) -> int:
    """The next version; `learned`'s own number is not looked at. Its number."""
    from routing.models import LearnedWeights

    last = LearnedWeights.objects.filter(tenant_id=tenant_id).order_by("-version").values_list("version", flat=True).first()
    number = (last or 0) + 1
    weights = msgspec.json.encode(msgspec.structs.replace(learned, version=number))
    LearnedWeights.objects.create(tenant_id=tenant_id, version=number, weights=weights, beliefs=beliefs, reason=reason)
    if serve_it:
        serve(tenant_id, number)
    return number


def serve(tenant_id: str, version: int) -> None:
    """0: the priors alone."""
    from routing.models import ServedWeights

    ServedWeights.objects.update_or_create(tenant_id=tenant_id, defaults={"version": version, "changed_at": timezone.now()})
