"""What has the operator changed of the catalogue while we run? In and out of the database, and into every process's memory.

put, clear   change a provider or a model, checked against the catalogue before anybody reads it
refresh      what is in the database is laid on top of this process's catalogue. Gateway processes do so every second or two
             (gateway/operating.py), so that a price, or a provider that is drained, reaches the requests without a restart
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from routing import snapshot
from routing.catalog import CatalogError, load

log = logging.getLogger("routeplex.overrides")

Values = Mapping[str, Any]  # keys of an entry in catalog.toml


def put(target: str, values: Values) -> None:
    """`target`: a provider, or a model's id. `values`: all that is to differ; none: nothing. Raises CatalogError."""
    from routing.models import CatalogOverride

    with transaction.atomic():
        everything = stored()
        everything.pop(target, None)
        if values:
            everything[target] = values
        load(*snapshot.files(), _text(everything))
        if values:
            CatalogOverride.objects.update_or_create(target=target, defaults={"values": dict(values)})
        else:
            CatalogOverride.objects.filter(target=target).delete()


def stored() -> dict[str, Values]:
    """What differs, by provider or model."""
    from routing.models import CatalogOverride

    return dict(CatalogOverride.objects.order_by("target").values_list("target", "values"))


def known(target: str) -> Values:
    """What differs, as this process has last read it."""
    return _seen.get(target, {})


def refresh() -> bool:
    """Whether anything has changed. What does not fit the files any more (a release without that model) is left out."""
    global _seen
    everything = stored()
    if everything == _seen:
        return False
    snapshot.change(_text(_fitting(everything)))
    snapshot.keep_catalog()
    _seen = everything
    return True


_seen: Mapping[str, Values] = {}


def forget_all() -> None:
    """For tests."""
    global _seen
    _seen = {}


def _fitting(everything: Mapping[str, Values]) -> Mapping[str, Values]:
    files = snapshot.files()
    try:
        load(*files, _text(everything))
    except CatalogError:
        return {target: values for target, values in everything.items() if _fits(files, target, values)}
    return everything


def _fits(files: list[str], target: str, values: Values) -> bool:
    try:
        load(*files, _text({target: values}))
    except CatalogError as error:
        log.error("a change of the catalogue is left out: %s", error)
        return False
    return True


def _text(everything: Mapping[str, Values]) -> str:
    """One more catalogue file; empty where nothing differs."""
    providers: dict[str, dict[str, Any]] = {}
    for target, values in everything.items():
        name, _, model = target.partition("/")
        entry = providers.setdefault(name, {})
        if model:
            entry.setdefault("overrides", {})[model] = values
        else:
            entry |= values
    return json.dumps({"providers": providers}, sort_keys=True) if providers else ""
