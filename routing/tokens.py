"""How many tokens is a request for one model? Counted with care, for who asks what it would cost; the hot path only guesses
(routing/features.py).

OpenAI's tokenizer is public up to GPT-5: those models' tokens are counted as they are. Anthropic's and Google's are not: there
the count is OpenAI's, made larger where the provider says so, and says that it is a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from routing.chat import ChatBody, Message
from routing.features import IMAGE_TOKENS, text_of
from routing.types import Model
from routing.vocabulary import Counted, count

# high    the model's own tokenizer, words only: exact but for the few tokens with which a provider frames messages
# medium  words only: counted by another's tokenizer, or a text so long that only samples of it were
# low     pictures, sound or files are in it: a flat rate each
Confidence = Literal["high", "medium", "low"]

_USE_IT = (
    "gpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-5",
    "o1",
    "o3",
    "o4",
)  # tiktoken's own table; of GPT-6 nothing is published
LARGER = 1.3
_LARGER = ("claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-fable-5", "claude-sonnet-5")
"""Models of which Anthropic says that the same text is about 30 percent more tokens than with its earlier ones
(platform.claude.com, "Token counting")."""

FRAME_TOKENS = 3  # of a message, beside its role; and of the answer's beginning (OpenAI's cookbook)


class Count(Struct, frozen=True):
    tokens: int
    confidence: Confidence


class Size(Struct, frozen=True):
    """Of a request: its words as OpenAI's tokenizer splits them, and how many pictures, sounds and files."""

    words: Counted
    others: int

    def at(self, model: Model) -> Count:
        tokens = round(self.words.tokens * LARGER) if model.name.startswith(_LARGER) else self.words.tokens
        confidence: Confidence = "low" if self.others else "high" if _own(model) and self.words.exact else "medium"
        return Count(tokens + self.others * IMAGE_TOKENS, confidence)


def size_of(body: ChatBody) -> Size:
    """Messages, tools and the schema of the answer; pictures and files at a flat rate each."""
    words = count(list(_texts(body)))
    framed = Counted(words.tokens + FRAME_TOKENS * (len(body.messages) + 1), words.exact)
    return Size(framed, sum(_not_words(message) for message in body.messages))


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
