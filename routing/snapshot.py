"""What does routing know at this instant? One immutable view, kept in memory; `current` never waits.

The catalogue is read at start, and again when the operator changes it (routing/overrides.py). Health changes under it: each
process sees its own attempts at once, and what the other processes saw within a second (gateway/gossip.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from random import random

from django.conf import settings
from msgspec import Struct

from accounts import switches
from accounts.credentials import endpoint, reachable
from routing.catalog import CATALOG_FILE, Catalog, load
from routing.health import State
from routing.health_store import HealthStore, credential_key
from routing.learned import Learned
from routing.quality import Weights, prior
from routing.types import Caller, Latency
from routing.weights import learned_of


class Snapshot(Struct, frozen=True, kw_only=True):
    version: str
    weights: Weights  # what is believed of the models
    catalog: Catalog
    reachable: frozenset[str]  # providers that have a credential for this caller, or a sandbox
    unusable: frozenset[str]  # models to be passed over as long as there is another choice
    latencies: Mapping[str, Latency]  # of models that were measured lately
    learned: Learned | None  # of the caller's own work
    draws: bool  # whether anybody's near-ties are drawn
    health: HealthStore
    now: float  # monotonic seconds

    def state(self, model_id: str) -> State:
        health = self.health.get(model_id)
        state: State = "healthy" if health is None else health.state(self.now)
        return "degraded" if state == "healthy" and model_id in self.unusable else state


health = HealthStore()  # of targets as live keys reach them
test_health = HealthStore()  # and as `rp_test_` keys do: what the sandbox plays says nothing of the real providers


def health_of(*, test: bool) -> HealthStore:
    return test_health if test else health


_catalog: Catalog | None = None
_changed = ""


def catalog() -> Catalog:
    """Ours, the operator's own file on top of it, and what was changed while we ran on top of both. Raises CatalogError,
    which names the entry that is wrong."""
    global _catalog
    if _catalog is None:
        _catalog = load(*_texts())
    return _catalog


def files() -> list[str]:
    """What the catalogue is made of, without what was changed since."""
    own = Path(settings.PROVIDERS_FILE)
    texts = [CATALOG_FILE.read_text("utf-8")]
    return [*texts, own.read_text("utf-8")] if own.exists() else texts


def change(text: str) -> None:
    """From now on this is laid on top of the files; empty: nothing. It is read before anybody meets it, in the caller's
    thread. Raises CatalogError."""
    global _catalog, _changed
    known = load(*files(), *([text] if text else []))
    prior(known)
    _catalog, _changed = known, text


def forget_catalog() -> None:
    """The files are read again. For tests."""
    global _catalog, _changed
    _catalog, _changed = None, ""


def _texts() -> list[str]:
    return [*files(), _changed] if _changed else files()


def keep_catalog() -> None:
    """Writes the catalogue down under its version, so that decisions made with it can be computed again later."""
    from routing.models import CatalogText

    texts = _texts()
    CatalogText.objects.get_or_create(version=load(*texts).version, defaults={"texts": texts})


def catalog_of(version: str) -> Catalog | None:
    """The catalogue of then; None where nobody wrote it down."""
    from routing.models import CatalogText

    if version == catalog().version:
        return catalog()
    row = CatalogText.objects.filter(version=version).first()
    return None if row is None else load(*row.texts)


def current(caller: Caller) -> Snapshot:
    known, now, store = catalog(), time.monotonic(), health_of(test=caller.test)
    return Snapshot(
        version=known.version,
        weights=prior(known),
        catalog=known,
        reachable=reachable(known.providers, test=caller.test, own=caller.secrets),
        unusable=_unusable(known, store, now, caller) if store.ill else frozenset(),
        latencies=store.latencies(now),
        learned=learned_of(caller.tenant_id),
        draws=switches.remembered(switches.EXPLORING),
        health=store,
        now=now,
    )


def _unusable(known: Catalog, store: HealthStore, now: float, caller: Caller) -> frozenset[str]:
    """Models that are ill, and all of the providers whose credential is."""
    ill = store.unusable(now, draw=random())  # noqa: S311
    where = {p.name: endpoint(p, test=caller.test, own=caller.secrets) for p in known.providers.values()}
    shut = {name for name, e in where.items() if e and credential_key(e.credential) in ill}
    return ill | {model.id for model in known.models.values() if model.provider in shut} if shut else ill
