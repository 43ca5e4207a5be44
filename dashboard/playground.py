"""Try it: a conversation with the router, two strategies side by side, and the decision beside each answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from msgspec import Struct

from accounts import audit
from accounts.envelopes import Unreadable
from accounts.models import Membership
from accounts.roles import Action, may
from dashboard.start import base_url
from gateway.kept import contents_of
from routing.rules import Strategy
from routing.snapshot import catalog
from routing.strategies import TRADEOFF, promises


class _Turn(Struct):
    role: str
    content: Any = ""


class _Body(Struct):
    messages: list[_Turn] = []


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    own = {strategy.name: "a strategy of your own" for strategy in member.tenant.strategies.all()}
    models = sorted(catalog().models.values(), key=lambda model: model.id)
    context = {
        "strategies": {Strategy.AUTO.value: promises()[Strategy.AUTO.value], **promises(), **own},
        "models": [model.id for model in models if not model.deprecated],
        "tradeoff": TRADEOFF,
        "base_url": base_url(request),
        "again": _again(request, member, request.GET.get("request", "")),
    }
    return render(request, "dashboard/playground.html", context)


def _again(request: HttpRequest, member: Membership, request_id: str) -> Mapping[str, Any] | None:
    """An earlier request to be asked again, from what is kept of it: its words, whatever else was in it left out. Reading it is
    written down. None where nothing is kept, or is not this person's to read."""
    if not request_id or not may(member.role, Action.READ_CONTENTS):
        return None
    try:
        found = contents_of([member.tenant], request_id)
        turns = msgspec.json.decode(found.asked, type=_Body).messages if found is not None and found.asked_complete else []
    except (Unreadable, msgspec.MsgspecError):
        return None
    if not turns:
        return None
    audit.note(request, member.tenant, "contents.read", request_id)
    return {"request_id": request_id, "turns": [{"role": turn.role, "content": _words(turn.content)} for turn in turns]}


def _words(content: Any) -> str:
    """Of a message: its text, or the text of its parts."""
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return content if isinstance(content, str) else ""
