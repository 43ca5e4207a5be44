"""Tokens as OpenAI counts them."""

from __future__ import annotations

import msgspec
import pytest

from routing.catalog import CATALOG_FILE, load
from routing.chat import ChatBody
from routing.tokens import size_of

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
    count = size_of(body(COOKBOOK)).at(model(name))
    assert count.tokens == 124
    assert count.confidence == "high"


def test_a_tokenizer_that_is_not_public_is_said_to_be_none():
    assert size_of(body(COOKBOOK)).at(model("claude-sonnet-4-5")).confidence == "medium"


def test_tools_count():
    tool = {"type": "function", "function": {"name": "weather", "description": "Tells the weather of a city."}}
    assert size_of(body(COOKBOOK, tools=[tool])).at(model("gpt-4o")).tokens > 124


def test_what_anthropic_says_of_its_newer_models_is_counted():
    size = size_of(body(COOKBOOK))
    older, newer = size.at(model("claude-opus-4-6")), size.at(model("claude-opus-4-7"))
    assert newer.tokens == pytest.approx(1.3 * older.tokens, abs=1)
