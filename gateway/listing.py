"""Which models are there? OpenAI's list format, and what else one needs to choose."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from routing.automatic import AUTOMATIC
from routing.prices import rates_for
from routing.refusals import UnknownModel
from routing.snapshot import Snapshot, current
from routing.types import PICO_PER_USD, Caller, Model


def every(caller: Caller) -> dict[str, Any]:
    """All that this key may use, the automatic one first."""
    view = current(caller)
    listed = [_described(model, view) for model in view.catalog.models.values() if _usable(model, view, caller)]
    return {"object": "list", "data": [_automatic(), *listed]}


def one(caller: Caller, name: str) -> dict[str, Any]:
    """Raises UnknownModel."""
    if name == AUTOMATIC:
        return _automatic()
    view = current(caller)
    model = view.catalog.find(name)
    if model is None or not _usable(model, view, caller):
        raise UnknownModel(f"No model is called {name!r}. GET /v1/models lists all.", param="model")
    return _described(model, view)


def _usable(model: Model, view: Snapshot, caller: Caller) -> bool:
    return model.provider in view.reachable and (not caller.allowed_models or model.id in caller.allowed_models)


def _automatic() -> dict[str, Any]:
    return {"id": AUTOMATIC, "object": "model", "created": 0, "owned_by": "routeplex", "display_name": "Automatic routing"}


def _described(model: Model, view: Snapshot) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": _unix(model.released),
        "owned_by": model.provider,
        "name": model.name,
        "display_name": model.display_name,
        "aliases": list(model.aliases),
        "provider": model.provider,
        "tier": model.tier,
        "context_window": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "abilities": sorted(model.abilities),
        "pricing": _pricing(model),
        "health": view.state(model.id),
        "deprecated": model.deprecated,
    }


def _unix(day: date | None) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) if day else 0


def _pricing(model: Model) -> dict[str, float | None]:
    """Today's, in USD per million tokens, of a request below every context tier."""
    rates = rates_for(model, on=datetime.now(UTC).date(), input_tokens=0)
    each = {name: getattr(rates, name) for name in rates.__struct_fields__}
    return {f"{name}_per_mtok": None if rate is None else rate * 10**6 / PICO_PER_USD for name, rate in each.items()}


# --- the native API's list: nobody is asked who they are

ANYBODY = Caller(tenant_id="", key_id="", key_prefix="", test=False)


def offered() -> list[dict[str, Any]]:
    """All that the operator's own credentials reach, in the words of both published clients: 0.1.0 reads `max_output` and
    `status`, 1.0.0 `max_output_tokens` and `health`."""
    view = current(ANYBODY)
    return [_offered(model, view) for model in view.catalog.models.values() if _usable(model, view, ANYBODY)]


def short_id(model: Model, view: Snapshot) -> str:
    """Its bare name where that means no other model."""
    return model.name if view.catalog.find(model.name) is model else model.id


def per_1k(model: Model) -> dict[str, float]:
    """Today's prices in USD per thousand tokens, below every context tier."""
    rates = rates_for(model, on=datetime.now(UTC).date(), input_tokens=0)
    return {"input_per_1k": rates.input * 1000 / PICO_PER_USD, "output_per_1k": rates.output * 1000 / PICO_PER_USD}


def _offered(model: Model, view: Snapshot) -> dict[str, Any]:
    health = view.state(model.id)
    return {
        "id": short_id(model, view),
        "full_id": model.id,
        "display_name": model.display_name,
        "provider": model.provider,
        "tier": model.tier,
        "context_window": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "max_output": model.max_output_tokens,
        "health": health,
        "status": "unavailable" if health == "unhealthy" else "available",
        "pricing": per_1k(model),
        "capabilities": {
            "streaming": True,
            "functions": "tools" in model.abilities,
            "vision": "image_input" in model.abilities,
        },
        "aliases": list(model.aliases),
        "deprecated": model.deprecated,
        "deprecation_date": None,  # the catalogue knows that, not since when
    }
