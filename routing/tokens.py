"""How many tokens is a request for one model? Counted with care, for who asks what it would cost; the hot path only guesses
(routing/features.py).

OpenAI's tokenizer is public up to GPT-5: those models' tokens are counted as they are. Anthropic's and Google's are not: there
the count is OpenAI's, and says so. The tokenizer's tables take 75 MB, so they are read when first needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from routing.chat import ChatBody, Message
from routing.features import BYTES_PER_TOKEN, IMAGE_TOKENS, text_of
from routing.types import Model

# high    the model's own tokenizer, words only: exact but for the few tokens with which a provider frames messages
# medium  words only, counted by another's tokenizer
# low     pictures, sound or files are in it, or there is no tokenizer here: a guess
Confidence = Literal["high", "medium", "low"]

ENCODING = "o200k_base"
_USE_IT = (
    "gpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-5",
    "o1",
    "o3",
    "o4",
)  # tiktoken's own table; of GPT-6 nothing is published
FRAME_TOKENS = 3  # of a message, beside its role; and of the answer's beginning (OpenAI's cookbook)


class Count(Struct, frozen=True):
    tokens: int
    confidence: Confidence


def counted(body: ChatBody, model: Model) -> Count:
    """Messages, tools and the schema of the answer; pictures and files at a flat rate each."""
    count = _counter()
    others = sum(_not_words(message) for message in body.messages)
    words = sum(count(text) for text in _texts(body)) + FRAME_TOKENS * (len(body.messages) + 1)
    if others or not _here():
        return Count(words + others * IMAGE_TOKENS, "low")
    return Count(words, "high" if _own(model) else "medium")


def text_tokens(text: str) -> int:
    return _counter()(text)


def _own(model: Model) -> bool:
    return model.provider == "openai" and model.name.startswith(_USE_IT)


def _texts(body: ChatBody) -> Iterable[str]:
    for message in body.messages:
        yield str(message.__struct_config__.tag)
        yield text_of(message.content)
        if name := getattr(message, "name", None):
            yield name + "\n"  # its one token more
        if calls := getattr(message, "tool_calls", None):
            yield msgspec.json.encode(calls).decode()
    for more in (body.tools, body.functions, body.response_format):
        if more:
            yield msgspec.json.encode(more).decode()


def _not_words(message: Message) -> int:
    if not isinstance(message.content, list):
        return 0
    return sum(part.__struct_config__.tag not in ("text", "refusal") for part in message.content)


@cache
def _here() -> bool:
    try:
        importlib.import_module("bpe_openai")
    except ImportError:
        return False
    return True


@cache
def _counter() -> Callable[[str], int]:
    if not _here():
        return lambda text: -(-len(text.encode()) // BYTES_PER_TOKEN)
    encode = importlib.import_module("bpe_openai").get_encoding(ENCODING).encode_ordinary
    return lambda text: len(encode(text))
