"""From a provider's own body to dollars, by us and by genai-prices, which read it independently: the same to the last digit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.providers import dialects
from gateway.tally import price
from routing.catalog import CATALOG_FILE, load
from routing.types import PICO_PER_USD
from tests.gateway.providers.test_dialect_contract import asked

WIRE = Path(__file__).parent / "wire"
DAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODELS = load(CATALOG_FILE.read_text("utf-8")).models
THEIRS = {provider.id: provider for provider in get_snapshot().providers}
FLAVOR = {"openai": "chat", "anthropic": "default", "google": "default"}
RECORDED = {"openai": "whole_text.json", "anthropic": "whole_cached.json", "google": "whole_text.json"}

some = st.integers(0, 400_000)  # above every threshold of a tier


def of(provider: str) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(model.name for model in MODELS.values() if model.provider == provider))


def both(provider: str, name: str, body: dict[str, object], service: str | None = None) -> tuple[Decimal, Decimal]:
    """Ours and theirs, in USD."""
    model = MODELS[f"{provider}/{name}"]
    usage = dialects()[provider].parse(asked(stream=False), json.dumps(body).encode()).usage
    assert usage is not None
    _, read = THEIRS[provider].extract_usage(body | {"model": name, "modelVersion": name}, api_flavor=FLAVOR[provider])
    context = {"service_tier": service} if service else None
    theirs = calc_price(read, name, provider_id=provider, genai_request_timestamp=DAY, price_context=context).total_price
    return Decimal(price(model, usage, DAY, service)) / PICO_PER_USD, theirs


def recorded(provider: str) -> dict[str, object]:
    body: dict[str, object] = msgspec.json.decode((WIRE / provider / RECORDED[provider]).read_bytes())
    return body


@given(name=of("anthropic"), fresh=some, read=some, minutes=some, hour=some, output=some)
def test_anthropic(name: str, fresh: int, read: int, minutes: int, hour: int, output: int) -> None:
    usage = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": minutes + hour,
        "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
        "output_tokens": output,
    }
    ours, theirs = both("anthropic", name, recorded("anthropic") | {"usage": usage})
    assert ours == theirs


@given(name=of("openai"), data=st.data(), fresh=some, read=some, written=some, output=some, thought=some)
def test_openai(name: str, data: st.DataObject, fresh: int, read: int, written: int, output: int, thought: int) -> None:
    service = data.draw(st.sampled_from([None, *MODELS[f"openai/{name}"].services]))
    usage = {
        "prompt_tokens": fresh + read + written,
        "completion_tokens": output + thought,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    ours, theirs = both("openai", name, recorded("openai") | {"usage": usage}, service)
    assert ours == theirs


@given(name=of("google"), fresh=some, read=some, sound=st.just(0), tools=some, output=some, thought=some)
@example(name="gemini-2.5-flash", fresh=10, read=0, sound=1125, tools=40, output=7, thought=3)  # cached sound is not told apart
def test_google(name: str, fresh: int, read: int, sound: int, tools: int, output: int, thought: int) -> None:
    usage = {
        "promptTokenCount": fresh + read + sound,
        "cachedContentTokenCount": read,
        "toolUsePromptTokenCount": tools,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": sound}, {"modality": "TEXT", "tokenCount": fresh + read}],
        "candidatesTokenCount": output,
        "thoughtsTokenCount": thought,
    }
    ours, theirs = both("google", name, recorded("google") | {"usageMetadata": usage})
    assert ours == theirs


@pytest.mark.parametrize(
    ("dialect", "file"),
    [
        (dialect, file)
        for dialect in FLAVOR
        for file in ("whole_text.json", "whole_tools.json", "whole_thinking.json", "whole_cached.json")
        if (WIRE / dialect / file).exists()
    ],
)
def test_recorded_answers(dialect: str, file: str) -> None:
    name = {"openai": "gpt-5-mini", "anthropic": "claude-sonnet-5", "google": "gemini-2.5-flash"}[dialect]
    ours, theirs = both(dialect, name, msgspec.json.decode((WIRE / dialect / file).read_bytes()))
    assert ours == theirs > 0
