"""The pieces of a streamed answer, put together into the choices that a whole answer would have had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

Choice = dict[str, Any]
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def assembled(pieces: Iterable[bytes | Sequence[Choice]]) -> list[Choice]:
    """In the order of their index. Text is joined, tool calls by their index, of everything else the last one stands."""
    choices: dict[int, Choice] = {}
    for piece in pieces:
        for part in _decode(b"{" + piece)["choices"] if isinstance(piece, bytes) else piece:
            index = part.get("index", 0)
            choice = choices.setdefault(index, {"index": index, "message": {"role": "assistant"}, "finish_reason": None})
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
            _add(choice["message"], part.get("delta") or {})
    return [choices[index] for index in sorted(choices)]


def _add(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            _add_calls(message.setdefault(name, []), value or ())
        elif name != "role":
            message[name] = _joined(message.get(name), value)


def _joined(before: Any, value: Any) -> Any:
    if isinstance(before, str) and isinstance(value, str):
        return before + value
    if isinstance(before, list) and isinstance(value, list):
        return before + value
    return before if value is None else value


def _add_calls(calls: list[dict[str, Any]], parts: Iterable[Mapping[str, Any]]) -> None:
    for part in parts:
        index = part.get("index", len(calls))
        call = next((call for call in calls if call.get("index") == index), None)
        if call is None:
            calls.append({**part, "index": index, "function": dict(part.get("function") or {})})
            continue
        for name, value in (part.get("function") or {}).items():
            call["function"][name] = _joined(call["function"].get(name), value)
