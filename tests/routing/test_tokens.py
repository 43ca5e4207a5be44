"""Tokens as OpenAI counts them."""

from __future__ import annotations

import msgspec
import pytest

from routing.catalog import CATALOG_FILE, load
from routing.chat import ChatBody
from routing.tokens import counted, text_tokens

CATALOG = load(CATALOG_FILE.read_text("utf-8"))

# OpenAI's cookbook, "How to count tokens with tiktoken": the API counts 124 prompt tokens for gpt-4o and gpt-4o-mini.
COOKBOOK = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    },
    {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
    {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."},
]


def body(messages, **more):
    return msgspec.convert({"model": "gpt-4o", "messages": messages, **more}, ChatBody)


def model(name):
    return CATALOG.find(name)


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o-mini"])
def test_a_conversation_counts_as_openai_s_api_counts_it(name):
    count = counted(body(COOKBOOK), model(name))
    assert count.tokens == 124
    assert count.confidence == "high"


def test_chinese_and_code_are_not_guessed_by_their_bytes():
    assert text_tokens("你好，世界") == 3  # o200k_base: 你好 ， 世界
    assert text_tokens("    return x\n" * 10) < len("    return x\n" * 10) / 2


def test_a_tokenizer_that_is_not_public_is_said_to_be_none():
    assert counted(body(COOKBOOK), model("claude-sonnet-4-5")).confidence == "medium"


def test_tools_count():
    tool = {"type": "function", "function": {"name": "weather", "description": "Tells the weather of a city."}}
    assert counted(body(COOKBOOK, tools=[tool]), model("gpt-4o")).tokens > 124
