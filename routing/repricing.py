"""What the operator has otherwise of a model than the catalogue's files: quality, tier, whether it is chosen, its price.

Only what differs is kept (routing/overrides.py): the rest goes on following the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone

from routing import overrides
from routing.catalog import load
from routing.snapshot import files
from routing.types import Model, Price

FACTS = ("quality", "tier", "deprecated", "drained")
PRICES = ("input", "output", "cached_input", "cache_write")


def dollars_of(price: Price) -> dict[str, str]:
    """USD per million tokens, by what for."""
    rates = price.rates
    found = {name: getattr(rates, name) for name in PRICES}
    return {name: "" if value is None else f"{(Decimal(value) / 10**6).normalize():f}" for name, value in found.items()}


def facts_of(model: Model) -> dict[str, Any]:
    return {name: getattr(model, name) for name in FACTS}


def differences(base: Model, model: Model) -> list[tuple[str, Any, Any]]:
    """What differs from the files: name, there, here."""
    found = [(name, getattr(base, name), getattr(model, name)) for name in FACTS if getattr(base, name) != getattr(model, name)]
    if base.prices != model.prices:
        found.append(("prices", f"{len(base.prices)} in the files", f"{len(model.prices)} here"))
    return found


def change(model: Model, said: Mapping[str, Any]) -> None:
    """`said`: FACTS, and where `input` is set a new price from `starts` (None: today). In a transaction. Raises CatalogError."""
    base, old = load(*files()).models[model.id], overrides.stored().get(model.id, {})
    values = {name: said[name] for name in FACTS if said[name] != getattr(base, name)}
    if said["input"]:
        values["prices"] = _prices(model, said)
    elif "prices" in old:
        values["prices"] = old["prices"]
    overrides.put(model.id, values)


def _prices(model: Model, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that begin before the new one, those of service tiers, and the new one."""
    starts: date = said["starts"] or timezone.now().date()
    kept = [entry(price) for price in model.prices if price.starts < starts]
    kept += [entry(price) | {"services": [name]} for name, prices in model.services.items() for price in prices]
    new = {name: said[name] for name in PRICES if said[name]} | {"starts": starts.isoformat()}
    return [*kept, new]


def entry(price: Price) -> dict[str, Any]:
    """A price as a catalogue file has it."""
    tiers = [{"above": above, **_amounts(rates)} for above, rates in price.tiers]
    found: dict[str, Any] = {"starts": price.starts.isoformat(), **_amounts(price.rates)}
    return found | {"tiers": tiers} if tiers else found


def _amounts(rates: Any) -> dict[str, str]:
    found = {name: getattr(rates, name) for name in type(rates).__struct_fields__}
    return {name: f"{(Decimal(value) / 10**6).normalize():f}" for name, value in found.items() if value is not None}
