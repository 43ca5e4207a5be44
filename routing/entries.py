"""What may an entry of a catalogue file say, and what does it come to?

A provider's entry becomes ProviderFacts and Models (routing/types.py); the comment on top of catalog.toml explains its
keys. Every refusal names the entry and the key.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from routing.abilities import ABILITIES, USUAL
from routing.query_types import QUERY_TYPES
from routing.types import Ability, Model, Price, ProviderFacts, Rates, Tier

Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(gt=0)]
Quirk = str | int | float | bool | list[str]  # no tables: the facts of a provider are hashed
_USD = re.compile(r"(\d{1,9})(?:\.(\d{1,6})0*)?")  # whole micro-dollars per million tokens: whole pico-dollars each


class CatalogError(Exception):
    """A catalogue file says something that cannot be; the message names the entry and the key."""


class _Amounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens, as text: a float of a file would not be exact."""

    input: str | None = None
    output: str | None = None
    cached_input: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    input_audio: str | None = None
    output_audio: str | None = None


class _TierEntry(_Amounts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    above: Count


class _PriceEntry(_Amounts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    starts: date = date.min
    services: list[Name] = []
    tiers: list[_TierEntry] = []


class _ModelEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    context_tokens: Count
    max_output_tokens: Count | None = None
    upstream_id: Name | None = None
    display_name: str | None = None
    aliases: list[Name] = []
    tier: Tier = "default"
    abilities: list[Ability] = []
    lacks: list[Ability] = []
    prices: list[_PriceEntry] = []
    free: bool = False
    unpriced: bool = False
    quality: Annotated[float, Meta(ge=0, le=1)] = 0.5
    quality_source: str = ""
    qualities: dict[str, Annotated[float, Meta(ge=0, le=1)]] = {}
    qualities_source: str = ""
    ttft_ms: Annotated[int, Meta(ge=0)] = 1000
    output_tokens_per_s: Count = 50
    speed_source: str = ""
    released: date | None = None
    deprecated: bool = False
    drained: bool = False
    regions: list[Name] | None = None
    quirks: dict[str, Quirk] = {}


class ProviderEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    base_url: Annotated[str, Meta(pattern="^https?://.")]
    dialect: str = "openai"
    display_name: str | None = None
    key_setting: Name | None = None
    base_url_setting: Name | None = None
    sandbox_path: Annotated[str, Meta(pattern="^/")] | None = None
    abilities: list[Ability] | None = None
    regions: list[Name] = []
    quirks: dict[str, Quirk] = {}
    drained: bool = False
    models: list[dict[str, Any]] = []


def read[T](raw: Any, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{where}: {str(error).replace('$.', '')}.") from error


# --- from entries to facts


def facts_of(name: str, entry: ProviderEntry) -> ProviderFacts:
    if "/" in name:
        raise CatalogError(f"providers.{name}: a provider's name has no slash in it.")
    if entry.dialect not in USUAL:
        raise CatalogError(f"providers.{name}: `dialect` is {entry.dialect!r}, and none of {', '.join(USUAL)}.")
    return ProviderFacts(
        name=name,
        dialect=entry.dialect,
        display_name=entry.display_name or name,
        base_url=entry.base_url.rstrip("/"),
        key_setting=entry.key_setting,
        base_url_setting=entry.base_url_setting,
        sandbox_path=entry.sandbox_path,
        quirks=tuple(_quirks(entry.quirks).items()),
    )


def models_of(provider: str, entry: ProviderEntry) -> Iterator[Model]:
    common = USUAL[entry.dialect] if entry.abilities is None else _known(entry.abilities, f"providers.{provider}")
    for raw in entry.models:
        where = f"providers.{provider}, model {raw.get('name')!r}"
        model = read(raw, _ModelEntry, where)
        yield Model(
            id=f"{provider}/{model.name}",
            name=model.name,
            provider=provider,
            upstream_id=model.upstream_id or model.name,
            display_name=model.display_name or model.name,
            regions=tuple(sorted(entry.regions if model.regions is None else model.regions)),
            aliases=tuple(model.aliases),
            tier=model.tier,
            context_tokens=model.context_tokens,
            max_output_tokens=model.max_output_tokens or model.context_tokens,
            abilities=(common | _known(model.abilities, where)) - _known(model.lacks, where),
            prices=_prices(model, where),
            services=_services(model, where),
            quality=model.quality,
            qualities=_of_families(model.qualities, where),
            ttft_ms=model.ttft_ms,
            output_tokens_per_s=model.output_tokens_per_s,
            released=model.released,
            priced=not model.unpriced,
            deprecated=model.deprecated,
            drained=entry.drained or model.drained,
            quirks=_quirks(entry.quirks | model.quirks),
        )


def _known(abilities: Iterable[Ability], where: str) -> frozenset[Ability]:
    for ability in abilities:
        if ability not in ABILITIES:
            raise CatalogError(f"{where}: there is no ability {ability!r}. routing/abilities.py lists them.")
    return frozenset(abilities)


def _of_families(qualities: Mapping[str, float], where: str) -> Mapping[str, float]:
    known = sorted(set(QUERY_TYPES.values()))
    for family in qualities:
        if family not in known:
            raise CatalogError(f"{where}: `qualities` has no family {family!r}. The families are {', '.join(known)}.")
    return qualities


def _quirks(raw: Mapping[str, Quirk]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}


def _prices(model: _ModelEntry, where: str) -> tuple[Price, ...]:
    if model.free + model.unpriced + bool(model.prices) != 1:
        raise CatalogError(
            f"{where}: give either `prices` or, if it costs nothing, `free = true`, or, if nobody knows, `unpriced = true`."
        )
    if not model.prices:
        return (Price(starts=date.min, rates=Rates(input=0, output=0)),)
    plain = [entry for entry in model.prices if not entry.services]
    if not plain:
        raise CatalogError(f"{where}: `prices` has none without `services`.")
    return _dated(plain, where)


def _services(model: _ModelEntry, where: str) -> dict[str, tuple[Price, ...]]:
    names = dict.fromkeys(name for entry in model.prices for name in entry.services)
    return {name: _dated([entry for entry in model.prices if name in entry.services], where) for name in names}


def _dated(entries: Sequence[_PriceEntry], where: str) -> tuple[Price, ...]:
    prices = tuple(_price(entry, f"{where}, `prices`") for entry in entries)
    _insist_on_order([price.starts for price in prices], f"{where}: `starts` of the prices")
    return prices


def _price(entry: _PriceEntry, where: str) -> Price:
    base = _amounts(entry, where)
    if missing := {"input", "output"} - base.keys():
        raise CatalogError(f"{where}: {' and '.join(f'`{key}`' for key in sorted(missing))} missing.")
    _insist_on_order([tier.above for tier in entry.tiers], f"{where}: `above` of the tiers")
    tiers = tuple((tier.above, Rates(**base | _amounts(tier, where))) for tier in entry.tiers)
    return Price(starts=entry.starts, rates=Rates(**base), tiers=tiers)


def _amounts(entry: _Amounts, where: str) -> dict[str, int]:
    given = {name: getattr(entry, name) for name in Rates.__struct_fields__}
    return {name: _pico(text, f"{where}: `{name}`") for name, text in given.items() if text is not None}


def _pico(text: str, where: str) -> int:
    """Pico-dollars per token of "1.25" USD per million tokens."""
    if (match := _USD.fullmatch(text)) is None:
        raise CatalogError(f'{where} is "{text}", not USD per million tokens with at most six decimals.')
    whole, decimals = match.groups(default="")
    return int(whole) * 10**6 + int(decimals.ljust(6, "0"))


def _insist_on_order[T: (date, int)](values: Sequence[T], what: str) -> None:
    if any(earlier >= later for earlier, later in itertools.pairwise(values)):
        raise CatalogError(f"{what} must rise.")
