"""What may a caller's JSON be, and where in it is the mistake?"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from gateway.errors import BadRequest, InvalidValue

MAX_DEPTH = 64

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_AT = re.compile(r" - at `\$\.?(.*)`$")


def depth_exceeds(body: bytes, limit: int) -> bool:
    """Whether brackets are nested deeper than `limit`: asked before decoding, which recurses."""
    if body.count(b"[") + body.count(b"{") <= limit:  # nearly every body, and far cheaper than looking
        return False
    depth = 0
    for match in _BRACKETS.finditer(body):
        first = match.group()[0]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def where(message: str) -> tuple[str, str | None]:
    """A msgspec message and the path in it: ("Expected `str`, got `int`", "messages[0].content"). Of a field that is missing, the
    path where it should be."""
    found = _AT.search(message)
    path = found[1] if found else ""
    told = message[: found.start()] + f" (at `{path}`)." if found and path else message + "."
    if missing := _MISSING.match(message):
        path = f"{path}.{missing[1]}" if path else missing[1]
    return told, path or None


def decoded[T](body: bytes, decode: Callable[[bytes], T]) -> T:
    """Raises BadRequest, or InvalidValue which names the field."""
    try:
        if depth_exceeds(body, MAX_DEPTH):
            raise BadRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
        return decode(body)
    except msgspec.ValidationError as error:
        message, param = where(str(error))
        raise InvalidValue(message, param=param) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
