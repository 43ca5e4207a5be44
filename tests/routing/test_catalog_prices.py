"""The catalogue against genai-prices: prices, tiers, the days on which they start, and context windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint

from routing.catalog import CATALOG_FILE, load
from routing.types import PICO_PER_USD, Model, Price, Rates

CHECKED = date(2026, 11, 23)  # what had been replaced by then need not be in the catalogue
OURS = load(CATALOG_FILE.read_text("utf-8"))
THEIRS = {provider.id: provider for provider in get_snapshot().providers}
FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
}


def theirs(provider: str, name: str) -> ModelInfo:
    info = THEIRS[provider].find_model(name)
    assert info is not None, f"genai-prices does not know {provider}/{name}"
    return info


def prices_of(info: ModelInfo) -> tuple[Price, ...]:
    """Theirs in our words: what is in force on the day of the check, and what starts later."""
    dated = sorted(_dated(info), key=lambda item: item[0])
    in_force = max(starts for starts, _ in dated if starts <= CHECKED)
    return tuple(_price(starts, prices) for starts, prices in dated if starts >= in_force)


def _dated(info: ModelInfo) -> Iterator[tuple[date, ModelPrice]]:
    if isinstance(info.prices, ModelPrice):
        yield date.min, info.prices
        return
    for conditional in info.prices:
        if conditional.constraint is None:
            yield date.min, conditional.prices
        else:
            assert isinstance(conditional.constraint, StartDateConstraint), f"{info.id}: a price that depends on the hour"
            yield conditional.constraint.start_date, conditional.prices


def _price(starts: date, prices: ModelPrice) -> Price:
    values = {ours: getattr(prices, field) for ours, field in FIELDS.items() if getattr(prices, field) is not None}
    thresholds = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    tiers = tuple((above, _rates(values, above)) for above in thresholds)
    return Price(starts=starts, rates=_rates(values, 0), tiers=tiers)


def _rates(values: dict[str, Any], input_tokens: int) -> Rates:
    return Rates(**{name: _pico(_at(value, input_tokens)) for name, value in values.items()})


def _at(value: Any, above: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return Decimal(next((tier.price for tier in reversed(value.tiers) if tier.start <= above), value.base))


def _pico(usd_per_mtok: Decimal) -> int:
    pico = usd_per_mtok * PICO_PER_USD / 10**6
    assert pico == int(pico), f"{usd_per_mtok} is no whole number of pico-dollars per token"
    return int(pico)


@pytest.mark.parametrize("model", OURS.models.values(), ids=lambda model: model.id)
def test_prices_are_those_of_genai_prices(model: Model) -> None:
    assert model.prices == prices_of(theirs(model.provider, model.name)), f"{model.id}: its prices have drifted"


@pytest.mark.parametrize("model", OURS.models.values(), ids=lambda model: model.id)
def test_prices_of_service_tiers_are_those_of_genai_prices(model: Model) -> None:
    variants = {
        variant.when.get("service_tier", "default"): variant
        for variant in theirs(model.provider, model.name).price_variants or ()
    }
    told = {name: (_price(date.min, variant.prices),) for name, variant in variants.items() if name != "default"}
    assert dict(model.services) == told, f"{model.id}: the prices of its service tiers have drifted"


@pytest.mark.parametrize("model", OURS.models.values(), ids=lambda model: model.id)
def test_context_windows_are_those_of_genai_prices(model: Model) -> None:
    window = theirs(model.provider, model.name).context_window
    assert model.context_tokens == (window or 1_048_576), f"{model.id}: its context window has drifted"


@pytest.mark.parametrize("model", OURS.models.values(), ids=lambda model: model.id)
def test_every_name_means_the_same_model_to_genai_prices(model: Model) -> None:
    for name in (model.upstream_id, *model.aliases):
        assert theirs(model.provider, name).id == theirs(model.provider, model.name).id, f"{model.id}: {name} is another model"
