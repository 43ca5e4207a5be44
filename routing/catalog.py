"""Which models are there, at which providers, and by what names are they found?

`load` reads catalogue files: catalog.toml, and an operator's own in the same form. Pure: the text comes from the caller.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from routing.entries import CatalogError, ProviderEntry, facts_of, models_of, read
from routing.types import Model, ProviderFacts

__all__ = ["CATALOG_FILE", "Catalog", "CatalogError", "load"]

CATALOG_FILE = Path(__file__).with_name("catalog.toml")
_INSTEAD_OF = {"prices", "free", "unpriced"}  # of which an entry has one: who gives another takes it away
LOOKED_AT = 128  # characters of a misspelt name


class Catalog(Struct, frozen=True, kw_only=True, eq=False):  # eq=False: hashed by identity, it is a cache key
    providers: Mapping[str, ProviderFacts]
    models: Mapping[str, Model]  # by id, in the order of the files
    version: str  # changes with the content
    index: Mapping[str, str]  # every name that finds a model -> its id

    def find(self, name: str) -> Model | None:
        """By id, name, alias or the provider's own id, bare or after `provider/`. Of several providers that have a
        bare name, the first in the files."""
        model_id = self.index.get(name)
        return None if model_id is None else self.models[model_id]

    def suggestions(self, name: str) -> Sequence[str]:
        """Up to three ids that may have been meant."""
        known = {name.lower(): model_id for name, model_id in self.index.items()}
        near = difflib.get_close_matches(name[:LOOKED_AT].lower(), known, n=8)
        return list(dict.fromkeys(known[name] for name in near))[:3]


def load(*texts: str) -> Catalog:
    """One catalogue of several files, each TOML, or JSON of the same shape. A later file adds to an earlier one: providers,
    models to a provider, other values for a provider's keys; a model of the same name takes the place of the earlier one,
    and `overrides`, by model, changes single keys of one. Raises CatalogError."""
    providers: dict[str, ProviderFacts] = {}
    models: dict[str, Model] = {}
    for name, raw in _merged(texts).items():
        entry = read(raw, ProviderEntry, f"providers.{name}")
        providers[name] = facts_of(name, entry)
        for model in models_of(name, entry):
            if model.id in models:
                raise CatalogError(f"{model.id} is there twice.")
            models[model.id] = model
    version = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
    return Catalog(providers=providers, models=models, version=version, index=_index(models.values()))


# --- files


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    providers: dict[str, dict[str, Any]] = {}


def _merged(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(texts, 1):
        where = f"catalogue file {number}"
        file = read(_parsed(text, where), _File, where)
        for name, raw in file.providers.items():
            merged[name] = _overlaid(merged.get(name, {}), raw, f"providers.{name}")
    return merged


def _parsed(text: str, where: str) -> Any:
    """What is kept in the database is JSON: nothing here writes TOML."""
    try:
        return json.loads(text) if text.startswith("{") else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise CatalogError(f"{where} is not JSON: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{where} is not TOML: {error}.") from error


def _overlaid(old: dict[str, Any], new: dict[str, Any], where: str) -> dict[str, Any]:
    models = read(new.get("models", []), list[dict[str, Any]], f"{where}.models")
    replaced = {model.get("name") for model in models}
    kept = [model for model in old.get("models", []) if model.get("name") not in replaced]
    overrides = read(new.get("overrides", {}), dict[str, dict[str, Any]], f"{where}.overrides")
    merged = {key: value for key, value in new.items() if key != "overrides"}
    return old | merged | {"models": list(_overridden(kept + models, overrides, where))}


def _overridden(
    models: Sequence[dict[str, Any]], overrides: Mapping[str, dict[str, Any]], where: str
) -> Iterator[dict[str, Any]]:
    if unknown := overrides.keys() - {model.get("name") for model in models}:
        raise CatalogError(f"{where}.overrides: there is no model {' or '.join(sorted(unknown))} to change.")
    for model in models:
        changed = overrides.get(model.get("name", ""), {})
        yield {key: value for key, value in model.items() if key not in _INSTEAD_OF or not _INSTEAD_OF & changed.keys()} | changed


# --- names


def _index(models: Iterable[Model]) -> dict[str, str]:
    """Ids win over aliases and what has a prefix over what is bare; of equals, the first in the files."""
    listed = list(models)
    index = {model.id: model.id for model in listed}
    for model in listed:
        for alias in model.aliases:
            if index.setdefault(f"{model.provider}/{alias}", model.id) != model.id:
                raise CatalogError(f"{model.id}: the alias {alias!r} is taken by {index[f'{model.provider}/{alias}']}.")
    for model in listed:
        index.setdefault(f"{model.provider}/{model.upstream_id}", model.id)
    for prefixed, model_id in list(index.items()):
        index.setdefault(prefixed.partition("/")[2], model_id)
    return index
