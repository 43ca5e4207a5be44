"""Chat completions in Anthropic's words, and back; Anthropic's own SDK is the judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProviderError
from gateway.providers import dialects
from gateway.sse import Splitter
from tests.gateway.providers.conftest import CONVERSATION, PICTURES, SCHEMA, WEATHER, call
from tests.gateway.providers.test_dialect_contract import asked, joined, streamed

WIRE = Path(__file__).parent / "wire" / "anthropic"


def judged(body):
    """As the SDK types it: an unknown field or a wrong type raises."""
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
    from pydantic import ConfigDict, TypeAdapter

    MessageCreateParamsNonStreaming.__pydantic_config__ = ConfigDict(extra="forbid")
    beyond = {"stream", "temperature", "top_p", "top_k"}  # older models take the last three; the SDK no longer lists them
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python({k: v for k, v in body.items() if k not in beyond})
    return body


def test_a_conversation_with_tools(built):
    body = judged(built("anthropic", messages=CONVERSATION, tools=[WEATHER], max_tokens=100))
    assert body["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Use tools."}]
    user, assistant, results = body["messages"]
    assert [block["text"] for block in user["content"]] == ["Weather?", "Paris and Rome."]
    assert assistant["content"][1] == {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}}
    assert [b["type"] for b in results["content"]] == ["tool_result", "tool_result", "text"], "results come first, in one turn"
    assert [b.get("tool_use_id") for b in results["content"]] == ["c1", "c2", None]
    assert body["tools"][0]["input_schema"] == WEATHER["function"]["parameters"]


def test_what_the_system_says_later_stays_where_it_was(built):
    said = [*CONVERSATION[2:3], {"role": "system", "content": "Be rude."}, {"role": "user", "content": "Go on."}]
    body = judged(built("anthropic", messages=said))
    assert "system" not in body
    assert [b["text"] for b in body["messages"][0]["content"]][2:] == ["<system>Be rude.</system>", "Go on."]


def test_pictures_and_documents(built):
    _, data, address, document = judged(built("anthropic", messages=PICTURES))["messages"][0]["content"]
    assert data["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert address["source"] == {"type": "url", "url": "https://example.com/cat.webp"}
    assert (document["type"], document["title"], document["source"]["data"]) == ("document", "a.pdf", "BBBB")


@pytest.mark.parametrize(
    ("asked_for", "said"),
    [
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "get_weather"}}, {"type": "tool", "name": "get_weather"}),
    ],
)
def test_tool_choice(built, asked_for, said):
    assert judged(built("anthropic", tools=[WEATHER], tool_choice=asked_for))["tool_choice"] == said


def test_one_call_at_a_time(built):
    body = judged(built("anthropic", tools=[WEATHER], parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_parameters(built):
    body = judged(
        built(
            "anthropic", temperature=0.3, top_p=0.9, top_k=5, stop="END", max_completion_tokens=50, user="u", metadata={"a": "b"}
        )
    )
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.3, 0.9, 5)
    assert (body["stop_sequences"], body["max_tokens"], body["metadata"]) == (["END"], 50, {"user_id": "u"})
    assert built("anthropic")["max_tokens"] == 64_000, "Anthropic insists on a limit: the model's own"
    assert "temperature" not in built("anthropic", ignored=("temperature",), temperature=0.3)


def test_a_temperature_beyond_its_range_is_named(built):
    with pytest.raises(ProviderError) as raised:
        built("anthropic", temperature=1.5)
    assert raised.value.param == "temperature"


def test_structured_output(built):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    schema = judged(built("anthropic", response_format=form))["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["city"]["additionalProperties"] is False


ADAPTIVE = {"thinking": "adaptive", "thinking_off": "disabled", "efforts": ("low", "medium", "high", "xhigh", "max")}
BUDGET = {"thinking": "budget", "thinks_by_default": False, "efforts": ()}


@pytest.mark.parametrize(
    ("quirks", "effort", "thinking", "said"),
    [
        (ADAPTIVE, "high", {"type": "adaptive"}, "high"),
        (ADAPTIVE, "minimal", {"type": "adaptive"}, "low"),
        (ADAPTIVE, "none", {"type": "disabled"}, None),
        (BUDGET, "medium", {"type": "enabled", "budget_tokens": 8192}, None),
        (BUDGET, "none", None, None),
    ],
)
def test_reasoning_effort(built, quirks, effort, thinking, said):
    body = judged(built("anthropic", quirks=quirks, reasoning_effort=effort))
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == said


def test_thinking_comes_back_with_its_signature(built):
    message = (
        dialects()["anthropic"].parse(asked(stream=False), (WIRE / "whole_thinking.json").read_bytes()).choices[0]["message"]
    )
    turns = [{"role": "user", "content": "6 x 7?"}, {**message, "tool_calls": [call("c", "Paris")]}]
    content = judged(built("anthropic", messages=turns))["messages"][1]["content"]
    assert [block["type"] for block in content] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert content[0]["signature"].startswith("EqQB")


def test_usage_counts_the_cache_as_input():
    usage = dialects()["anthropic"].parse(asked(stream=False), (WIRE / "whole_text.json").read_bytes()).usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) == (1561, 1536, 17)


def test_half_a_tool_call_is_a_failure():
    with pytest.raises(ProviderError) as raised:
        streamed("anthropic", "stream_half_tool.sse")
    assert raised.value.kind == "protocol"


@pytest.mark.parametrize(
    ("file", "kind", "param", "code"),
    [
        ("error_400.json", "bad_request", "messages.0.content", None),
        ("error_400_too_long.json", "bad_request", None, "context_length_exceeded"),
        ("error_400_credit.json", "auth", None, None),
    ],
)
def test_bad_requests_and_what_only_looks_like_one(file, kind, param, code):
    error = dialects()["anthropic"].parse_error(400, {}, (WIRE / file).read_bytes())
    assert (error.kind, error.param, error.code) == (kind, param, code)


def test_the_recorded_bytes_are_what_the_sdk_reads():
    from anthropic.types import Message, RawMessageStreamEvent
    from pydantic import TypeAdapter

    for file in WIRE.glob("whole_*.json"):
        assert Message.model_validate_json(file.read_bytes()).role == "assistant"
    for file in WIRE.glob("stream_*.sse"):
        for event in Splitter().feed(file.read_bytes()):
            if event.event not in ("ping", "error"):
                TypeAdapter(RawMessageStreamEvent).validate_json(event.data)


@given(st.lists(st.text(min_size=1), min_size=1), st.dictionaries(st.text(), st.text()))
def test_any_text_and_any_arguments_arrive_whole(pieces, arguments):
    reader = dialects()["anthropic"].reader(asked())
    start = {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    }
    texts = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in pieces]
    written = json.dumps(arguments)
    inputs = [
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": p}} for p in written
    ]
    said = [*texts, start, *inputs, {"type": "content_block_stop", "index": 1}]
    deltas = [d for e in said if (d := reader.read("", json.dumps(e).encode())) is not None]
    message = joined(deltas)
    assert message["content"] == "".join(pieces)
    assert json.loads(message["calls"][0]["arguments"]) == arguments
