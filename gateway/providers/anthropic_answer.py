"""What did Anthropic answer? Its message, in the shape of OpenAI's choice."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from gateway.errors import ProviderError
from gateway.providers.anthropic_failure import failure_of
from routing.types import Completion, Usage

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",  # of Anthropic's own tools, which we do not ask for
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
THINKING = ("thinking", "redacted_thinking")
TIERS = {"standard": "default"}  # as OpenAI calls them, where it calls them otherwise
AFTER = "after"

encode = msgspec.json.Encoder().encode


class StopDetails(Struct, frozen=True):
    explanation: str | None = None


class OutputDetails(Struct, frozen=True):
    thinking_tokens: int | None = None


class Written(Struct, frozen=True):
    """Into the cache, by how long it is kept; what is not kept for an hour is kept for five minutes."""

    ephemeral_1h_input_tokens: int | None = None


class Tokens(Struct, frozen=True):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: Written | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None


class Message(Struct, frozen=True):
    type: str = ""
    content: list[dict[str, Any]] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Tokens | None = None
    input_transformations: list[Any] | None = None
    error: Any = None


_decode = msgspec.json.Decoder(Message).decode


def completion_of(body: bytes) -> Completion:
    try:
        message = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProviderError("protocol", "The provider's answer is not a message.") from None
    if message.type == "error" or message.error is not None:
        raise failure_of(message.error, 500)
    if message.content is None or message.stop_reason is None:
        raise ProviderError("protocol", "The provider's answer is not finished.")
    finish = FINISHES.get(message.stop_reason, "stop")  # Anthropic may add reasons: whatever they are, it is the end
    said = {**said_in(message.content), "refusal": explanation_of(message.stop_details)}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish}
    return Completion(
        choices=[choice], usage=usage_of(message.usage), extra=extra_of(message.usage, message.input_transformations)
    )


def said_in(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Blocks of kinds that we do not know are left out: they belong to Anthropic's own tools, which we never ask for."""
    text, calls, thoughts = "", [], []
    for block in blocks:
        match block:
            case {"type": "text", "text": str(words)}:
                text += words
            case {"type": "tool_use", "id": id, "name": name, "input": arguments}:
                calls.append({"id": id, "type": "function", "function": {"name": name, "arguments": encode(arguments).decode()}})
            case {"type": "thinking" | "redacted_thinking"}:
                thoughts.append(placed(block, len(text), len(calls)))
            case {"type": "text" | "tool_use"}:
                raise ProviderError("protocol", "The provider's answer has a shape that we do not know.")
    said: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        said["tool_calls"] = calls
    if reasoning := "".join(block.get("thinking") or "" for block in thoughts):
        said["reasoning_content"] = reasoning
    if thoughts:
        said["thinking_blocks"] = thoughts
    return said


def placed(block: dict[str, Any], characters: int, calls: int) -> dict[str, Any]:
    """A thinking block as it is. Where words or calls came before it, it says how many: Anthropic wants every block back
    in its place, and OpenAI's message, with all words in one field and all calls in another, has lost it."""
    return {**block, AFTER: {"content": characters, "tool_calls": calls}} if characters or calls else block


def explanation_of(details: StopDetails | None) -> str | None:
    """Why the model refused, in words."""
    return details.explanation if details else None


def usage_of(told: Tokens | None) -> Usage | None:
    """Anthropic counts what was cached, read or written, beside the input; we count it as part of it."""
    if told is None or (told.input_tokens is None and told.output_tokens is None):
        return None
    read, written = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
    details = told.output_tokens_details
    return Usage(
        input_tokens=(told.input_tokens or 0) + read + written,
        output_tokens=told.output_tokens or 0,
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=(told.cache_creation.ephemeral_1h_input_tokens if told.cache_creation else None) or 0,
        reasoning_tokens=(details.thinking_tokens if details else None) or 0,
    )


def extra_of(told: Tokens | None, transformations: list[Any] | None) -> dict[str, Any]:
    """Which tier served, and which of the caller's thinking blocks Anthropic left out."""
    extra: dict[str, Any] = {}
    if told and told.service_tier:
        extra["service_tier"] = TIERS.get(told.service_tier, told.service_tier)
    return extra | ({"input_transformations": transformations} if transformations else {})
