"""What comes to pages by itself: new requests as they are recorded, and answers in the playground. Channels' consumers.

Who may open one is asked as at a page's door; a stranger is told 4404, as for a page that is not there.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import path

from accounts import access, impersonation, switches
from accounts.models import Membership
from accounts.roles import Action, may
from dashboard import trying
from dashboard.requests import WATCHED
from gateway import browse
from gateway.browse import Wanted
from gateway.models import RequestLog

EVERY_S = 1.0
AT_ONCE = 50  # rows
NOT_HERE, NOT_YOURS, BROKEN = 4404, 4403, 1011

log = logging.getLogger("routeplex.sockets")


class Behind(AsyncWebsocketConsumer):
    """Behind the door of a workspace."""

    needs = Action.SEE

    async def connect(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        await self.accept()
        try:
            slug = self.scope["url_route"]["kwargs"]["tenant"]
            self.member = await database_sync_to_async(_member)(self.scope, slug)
        except Http404:
            await self.close(NOT_HERE)
            return
        if not may(self.member.role, self.needs):
            await self.close(NOT_YOURS)
            return
        await self.entered()

    async def entered(self) -> None: ...

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._kept(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _kept(self, work: Coroutine[Any, Any, None]) -> None:
        """What breaks closes the connection: the page opens another one, and does not wait for nothing."""
        try:
            await work
        except Exception:
            log.exception("a websocket broke")
            await self.close(BROKEN)

    async def disconnect(self, code: int) -> None:
        for task in list(self.tasks):
            task.cancel()


def _member(scope: Mapping[str, Any], slug: str) -> Membership:
    """As at a page's door."""
    try:
        return access.member(scope["user"], slug)
    except Http404:
        return impersonation.membership(scope["user"], scope["session"], slug)


class Requests(Behind):
    """New rows of the list of requests, as HTML, once a second; those that the list looks for."""

    async def entered(self) -> None:
        self.begin(self._tell())

    async def _tell(self) -> None:
        last = await database_sync_to_async(_seen)(self.member, self.scope["query_string"])
        wanted = _wanted(self.scope["query_string"])
        while True:
            await asyncio.sleep(EVERY_S)
            rows, last = await database_sync_to_async(_since)(self.member, wanted, last)
            if rows:
                await self.send(json.dumps({"rows": rows}))


def _wanted(query: bytes) -> Wanted:
    said = {name: value for name, value in parse_qsl(query.decode("latin-1")) if name in WATCHED}
    try:
        return msgspec.convert(said, Wanted)
    except msgspec.ValidationError:
        return Wanted()


def _seen(member: Membership, query: bytes) -> int:
    """Up to which row the page has been shown: what came since is told at once. Where it does not say, up to now."""
    named = dict(parse_qsl(query.decode("latin-1"))).get("after", "")
    row = RequestLog.objects.filter(tenant=member.tenant, request_id=named).values_list("pk", flat=True).first()
    return _newest(member) if row is None else row


def _newest(member: Membership) -> int:
    return RequestLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _since(member: Membership, wanted: Wanted, last: int) -> tuple[Sequence[str], int]:
    """Rows in the order in which they came, and up to which one has been looked."""
    newest = _newest(member)
    if newest == last:
        return [], last
    new = browse.matching(member.tenant, wanted).filter(pk__gt=last, pk__lte=newest)
    rows = new.select_related("api_key").defer("decision", "classification").order_by("-pk")[:AT_ONCE]
    here = SimpleNamespace(member=member)
    return [render_to_string("dashboard/request_row.html", {"row": row, "here": here}) for row in reversed(rows)], newest


class Playground(Behind):
    """A question in, its answer in pieces out; several at a time, each with the name that the page gave it."""

    needs = Action.USE

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not switches.remembered(switches.PLAYGROUND):
            await self._send({"name": "", "error": "The operator has switched the playground off."})
            return
        try:
            asked = trying.read(text_data or "")
        except msgspec.MsgspecError as error:
            await self._send({"name": "", "error": str(error)})
            return
        if len(self.tasks) >= trying.AT_ONCE:
            await self._send({"name": asked.name, "error": "So many answers at a time are too many."})
            return
        self.begin(self._answer(asked))

    async def _answer(self, asked: trying.Asked) -> None:
        async for piece in trying.answers(self.member, asked):
            await self._send({"name": asked.name, **piece})

    async def _send(self, told: dict[str, Any]) -> None:
        await self.send(msgspec.json.encode(told).decode())


routes = [
    path("ws/t/<slug:tenant>/requests", Requests.as_asgi()),
    path("ws/t/<slug:tenant>/playground", Playground.as_asgi()),
]
