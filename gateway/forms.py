"""Did an answer have the form that was asked for: JSON, JSON by a schema, calls of the tools that there are? Pure.

Its own length and looks say nothing of its quality; a program that cannot read it does. What learning makes of that is
learning/reward.py's. Checked only where a form was asked for, before the outcome is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator, ReferencingError, RegexOptions, ValidationError
from msgspec import Struct

from routing.chat import ChatBody, FunctionTool, JsonObjectFormat, JsonSchemaFormat
from routing.types import Delta

READ_BYTES = 1 << 20  # of an answer; a longer one is not judged
SCHEMA_BYTES = 64 * 1024  # a larger schema is not checked: JSON alone is

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode

Schema = Mapping[str, Any]


class Form(Struct, frozen=True):
    """What was asked for. `schema`: of the content, as JSON; b"{}" where any JSON object will do, None where any text will.
    `tools`: the schema of their arguments, by name."""

    schema: bytes | None
    tools: Mapping[str, bytes]


def asked(body: ChatBody) -> Form | None:
    """None: any text will do."""
    schema: bytes | None = None
    if isinstance(body.response_format, JsonObjectFormat):
        schema = b'{"type":"object"}'
    elif isinstance(body.response_format, JsonSchemaFormat):
        schema = _encode(body.response_format.json_schema.schema or {})
    tools = {tool.function.name: _encode(tool.function.parameters or {}) for tool in _functions(body)}
    return Form(schema, tools) if schema is not None or tools else None


def _functions(body: ChatBody) -> Iterator[FunctionTool]:
    return (tool for tool in body.tools or () if isinstance(tool, FunctionTool))


class Reading:
    """The first choice of an answer that is streamed, as far as its form goes."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._text: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._bytes = 0
        self._finish: str | None = None

    def read(self, burst: Sequence[Delta]) -> None:
        for delta in burst:
            choices = delta.choices if delta.raw is None else _decode(b"{" + delta.raw)["choices"]
            for choice in choices:
                if choice.get("index", 0) == 0 and self._bytes <= READ_BYTES:
                    self._finish = choice.get("finish_reason") or self._finish
                    self._add(choice.get("delta") or {})

    def _add(self, delta: Mapping[str, Any]) -> None:
        if text := delta.get("content"):
            self._text.append(text)
            self._bytes += len(text)
        for piece in delta.get("tool_calls") or ():
            function = piece.get("function") or {}
            call = self._calls.setdefault(piece.get("index", 0), {"name": "", "arguments": ""})
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""
            self._bytes += len(function.get("arguments") or "")

    def kept(self) -> bool | None:
        if self._bytes > READ_BYTES:
            return None
        message = {"content": "".join(self._text), "tool_calls": [{"function": call} for call in self._calls.values()]}
        return kept(self._form, {"message": message, "finish_reason": self._finish})


def kept(form: Form, choice: Mapping[str, Any]) -> bool | None:
    """None where nobody can tell: it was cut off, refused, or no form was due."""
    message = choice["message"]
    if choice.get("finish_reason") not in ("stop", "tool_calls", "function_call") or message.get("refusal"):
        return None
    calls = [call["function"] for call in message.get("tool_calls") or () if call.get("function")]
    if calls:
        return all(_is_call(form, call) for call in calls)
    if form.schema is None:
        return None
    return fits(form.schema, message.get("content") or "")


def _is_call(form: Form, call: Mapping[str, str]) -> bool:
    schema = form.tools.get(call["name"])
    return schema is not None and fits(schema, call["arguments"] or "{}")


def fits(schema: bytes, text: str) -> bool:
    """Whether `text` is JSON by this schema. Of a schema that cannot be checked here, whether it is JSON at all."""
    try:
        value = _decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    validator = _validator(schema)
    return True if validator is None else validator.is_valid(value)


@lru_cache(512)
def _validator(schema: bytes) -> Draft202012Validator | None:
    """Never asks another server for a schema, and reads patterns in linear time: both are the caller's own."""
    if len(schema) > SCHEMA_BYTES:
        return None
    try:
        return Draft202012Validator(_decode(schema), offline=True, pattern_options=RegexOptions())
    except (ValidationError, ReferencingError, ValueError):
        return None
