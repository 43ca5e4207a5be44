"""What is answered? The same to the same question: a plan that each wire format then says in its own way."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.schemas import value_for

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 765

_OPENINGS = ("Good question.", "In short:", "Here is how I see it.", "Happily.", "Let us look at it step by step.", "Certainly.")
_BODIES = (
    "What you ask about rests on a few simple ideas, and each of them can be checked on its own.",
    "The usual answer is right as far as it goes, but the interesting part is why it is right.",
    "Start with the simplest case, see what changes when one thing varies, and the pattern shows itself.",
    "There are two sides to it: what is meant by the words, and what follows once they are fixed.",
    "A small example often says more than a definition, so keep one at hand while you read on.",
)
_CLOSINGS = ("Ask again for more.", "That is the whole of it.", "The details depend on your case.", "I hope this helps.")


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What each wire format makes of a request."""

    model: str
    text: str  # all words of the conversation
    last: str  # of the last turn
    last_is_user: bool
    results: Sequence[str] = ()  # of tools, after the last user turn
    images: int = 0
    tools: Sequence[Tool] = ()
    must_call: str | None = None  # a name, or "any"; None: the model's choice
    may_call: bool = True
    parallel: bool = True
    schema: Any = None  # the answer follows it
    any_json: bool = False
    thinks: bool = False
    limit: int | None = None  # tokens
    stops: Sequence[str] = ()
    system: str = ""


@dataclass(frozen=True)
class Plan:
    text: str
    thought: str
    calls: Sequence[Call]
    finish: str  # "stop", "length", "calls"
    input_tokens: int
    output_tokens: int
    thought_tokens: int
    pieces: Sequence[str] = field(default=())


POOR = "I am not sure about that."


def planned(question: Question, *, poor: bool = False) -> Plan:
    """`poor`: a well-formed answer that is of no use."""
    calls = _calls(question)
    text = "" if calls else POOR if poor else _text(question)
    thought = f"The user asks: {question.last[:60].strip()}. I am a sandbox, so I make something up." if question.thinks else ""
    finish = "calls" if calls else "stop"
    for stop in question.stops:
        text = text.partition(stop)[0] if stop else text
    most = question.limit
    if most is not None and tokens(text) > most:
        text, finish = text[: most * BYTES_PER_TOKEN], "length"
    output = tokens(text) + sum(tokens(json.dumps(call.arguments)) + 8 for call in calls)
    return Plan(
        text=text,
        thought=thought,
        calls=calls,
        finish=finish,
        input_tokens=tokens(question.text) + question.images * IMAGE_TOKENS + 4,
        output_tokens=max(1, output),
        thought_tokens=tokens(thought),
        pieces=re.findall(r"\s*\S+", text) or ([text] if text else []),
    )


def tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def seed(question: Question) -> int:
    return zlib.crc32(f"{question.model}\0{question.text}".encode("utf-8", "replace"))


def _calls(question: Question) -> list[Call]:
    if not question.tools or not question.may_call:
        return []
    if question.must_call not in (None, "any"):
        chosen = [tool for tool in question.tools if tool.name == question.must_call]
    else:
        chosen = [tool for tool in question.tools if _mentioned(tool, question.last)] if question.last_is_user else []
        if not chosen and question.must_call == "any":
            chosen = list(question.tools[:1])
    chosen = chosen if question.parallel else chosen[:1]
    return [Call(tool.name, value_for(tool.schema) if tool.schema else {}) for tool in chosen]


def _mentioned(tool: Tool, text: str) -> bool:
    words = set(re.findall(r"[a-z]{4,}", text.lower()))
    return bool(words & set(re.findall(r"[a-z]{4,}", f"{tool.name} {tool.description}".replace("_", " ").lower())))


def _text(question: Question) -> str:
    if question.schema is not None:
        return json.dumps(value_for(question.schema), ensure_ascii=False)
    if question.any_json:
        return json.dumps({"answer": f"from the sandbox, as {question.model}"})
    number = seed(question)
    seen = f" I see {question.images} image{'s' if question.images > 1 else ''}." if question.images else ""
    told = f" The tool says: {question.results[-1][:200]}" if question.results else ""
    about = " ".join(question.last.split())[:80]
    body = " ".join(_BODIES[(number >> shift) % len(_BODIES)] for shift in range(0, 3 + number % 9, 3))
    opening, closing = _OPENINGS[number % len(_OPENINGS)], _CLOSINGS[(number >> 5) % len(_CLOSINGS)]
    return f'[sandbox {question.model}] {opening}{told}{seen} You wrote: "{about}". {body} {closing}'
