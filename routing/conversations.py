"""Who served this conversation last? Its provider may still have what was said in its cache, which is dear to leave.

Kept in memory, by the conversation's name (X-RoutePlex-Session) or else by how it began: the same tenant, system prompt and
first user turn. A turn more or less keeps its place; another process does not know it, and decides without.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from hashlib import blake2b

from msgspec import Struct

from routing.chat import AssistantMessage, ChatBody, DeveloperMessage, SystemMessage, UserMessage
from routing.features import text_of
from routing.types import ChatRequest, Incumbent

CACHED_S = 300.0  # for so long providers keep what they have read: five minutes from the last use
LEAST_TOKENS = 1024  # shorter input is not cached by any of them
REMEMBERED = 100_000  # conversations in memory: about 20 MB
BEGINNING = 2000  # characters of each text that the beginning is known by

Key = bytes


class _Last(Struct, frozen=True):
    incumbent: Incumbent
    at: float  # monotonic seconds


_served: OrderedDict[Key, _Last] = OrderedDict()


def key_of(tenant_id: str, request: ChatRequest) -> Key:
    name = request.preferences.session
    known_by = (name, "") if name is not None else _beginning(request.body)
    return blake2b("\0".join((tenant_id, *known_by)).encode("utf-8", "replace"), digest_size=16).digest()


def _beginning(body: ChatBody) -> tuple[str, str]:
    system = user = ""
    for message in body.messages:
        if isinstance(message, UserMessage):
            user = text_of(message.content)[:BEGINNING]
            break
        if isinstance(message, SystemMessage | DeveloperMessage) and not system:
            system = text_of(message.content)[:BEGINNING]
    return system, user


def history_of(body: ChatBody) -> bytes:
    """What was said before the last question, as far as it is text; nothing where nobody has answered yet."""
    last = max((at for at, message in enumerate(body.messages) if isinstance(message, UserMessage)), default=0)
    before = body.messages[:last]
    if not any(isinstance(message, AssistantMessage) for message in before):
        return b""
    return "\0".join(text_of(message.content) for message in before).encode("utf-8", "replace")


def lot_of(key: Key) -> float:
    """The same for all of a conversation, and among conversations as if it were drawn: 0..1."""
    return int.from_bytes(key[:4], "big") / 2**32


def incumbent(key: Key, now: float | None = None) -> Incumbent | None:
    """Who may have this conversation in its cache."""
    last = _served.get(key)
    if last is None or (time.monotonic() if now is None else now) - last.at > CACHED_S:
        return None
    return last.incumbent


def served(key: Key, model_id: str, tokens: int, now: float | None = None) -> None:
    """`tokens`: what the provider has read and written of it by now."""
    _served.pop(key, None)
    if len(_served) >= REMEMBERED:
        _served.popitem(last=False)
    incumbent = Incumbent(model=model_id, cached_tokens=tokens if tokens >= LEAST_TOKENS else 0)
    _served[key] = _Last(incumbent, time.monotonic() if now is None else now)


def forget_all() -> None:
    """For tests."""
    _served.clear()
