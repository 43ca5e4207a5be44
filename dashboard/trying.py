"""A question of the playground, through the real thing: a key of the workspace's own, limits, budgets, routing, the record.

The key is made when it is first needed; nobody has its secret, because it asks inside this process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

import msgspec
from channels.db import database_sync_to_async
from msgspec import Meta, Struct

from accounts.ids import request_id
from accounts.keys import caller_of, create_key
from accounts.models import ApiKey, Membership
from gateway import errors, sse
from gateway.chat import Call, answer
from gateway.wire import Head, openai
from routing.types import Caller

KEY_NAME = "Playground"
AT_ONCE = 4  # answers of one page


class Turn(Struct, frozen=True):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Meta(max_length=400_000)]


class Asked(Struct, frozen=True, kw_only=True):
    """`name`: what the page calls the answer. `form`: a JSON schema; `tools`: OpenAI's."""

    name: Annotated[str, Meta(max_length=40)]
    messages: Annotated[list[Turn], Meta(min_length=1, max_length=400)]
    model: Annotated[str, Meta(max_length=200)] = "routeplex-ai"
    strategy: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] | None = None
    tradeoff: Annotated[float, Meta(ge=0, le=10)] | None = None
    form: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None


read = msgspec.json.Decoder(Asked).decode


async def answers(member: Membership, asked: Asked) -> AsyncGenerator[dict[str, Any]]:
    """`{"chunk": …}` for each event of the stream (OpenAI's), or `{"error": …}`; at the end `{"done": the request's id}`."""
    name = request_id()
    try:
        call = Call(id=name, caller=await _caller(member), wire=openai, headers=_headers(asked), body=_body(asked))
        splitter = sse.Splitter()
        async with aclosing(answer(call)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, Head):
                    for event in splitter.feed(piece):
                        if event.data != b"[DONE]":
                            yield {"chunk": msgspec.json.decode(event.data)}
    except Exception as error:
        told = errors.describe(error)
        yield {"error": told.message, "code": told.code}
    yield {"done": name}


def _headers(asked: Asked) -> dict[bytes, bytes]:
    found = {}
    if asked.strategy is not None and asked.tradeoff is None:
        found[b"x-routeplex-strategy"] = asked.strategy.encode()
    if asked.tradeoff is not None:
        found[b"x-routeplex-tradeoff"] = f"{asked.tradeoff:g}".encode()
    return found


def _body(asked: Asked) -> bytes:
    body: dict[str, Any] = {"model": asked.model, "messages": asked.messages, "stream": True}
    if asked.form is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": asked.form}}
    if asked.tools:
        body["tools"] = asked.tools
    return msgspec.json.encode(body)


@database_sync_to_async
def _caller(member: Membership) -> Caller:
    key = _key(member)
    related = ApiKey.objects.select_related("tenant__routing_rules", "tenant__plan")
    return caller_of(related.get(pk=key.pk))


def _key(member: Membership) -> ApiKey:
    found = member.tenant.api_keys.filter(name=KEY_NAME, revoked_at=None).first()
    return found or create_key(member.tenant, KEY_NAME, created_by=member.user)[0]
