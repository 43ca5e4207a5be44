"""What can be told of a conversation without keeping a word of it: keyed hashes, equal where what was said is equal.

They tell which requests belong together (a turn of the same conversation, the same question again, another wording of it),
for learning and for judging strategies; without our secret nobody can find a prompt by its mark.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from django.conf import settings
from msgspec import Struct

from routing.conversations import history_of
from routing.types import ChatRequest

LENGTH = 12  # bytes


class Marks(Struct, frozen=True):
    """In hexadecimal. `asked`: of all messages; `before`: of those before the last question, empty at the beginning."""

    conversation: str
    asked: str
    before: str


NONE = Marks("", "", "")


def marks_of(tenant_id: str, request: ChatRequest, conversation: bytes) -> Marks:
    """`conversation`: its key (routing/conversations.py)."""
    before = history_of(request.body)
    return Marks(
        conversation=_mark(tenant_id, conversation),
        asked=_mark(tenant_id, bytes(request.fields["messages"])),
        before=_mark(tenant_id, before) if before else "",
    )


def _mark(tenant_id: str, value: bytes) -> str:
    found = blake2b(tenant_id.encode(), key=_secret(), digest_size=LENGTH)
    found.update(value)
    return found.hexdigest()


@lru_cache(1)
def _secret() -> bytes:
    return blake2b(settings.SECRET_KEY.encode(), person=b"routeplex marks", digest_size=32).digest()
