"""Which requests were there, and what was decided for one of them, and why?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import access, audit
from accounts.envelopes import Unreadable
from accounts.models import Membership
from accounts.roles import Action, may
from dashboard import decision
from dashboard.names import Names
from gateway import browse
from gateway.browse import BadCursor, Wanted
from gateway.kept import contents_of
from gateway.models import RequestLog
from learning.feedback import FELT, NothingSaid, Said, UnknownRequest, give, requests_said_of
from learning.models import Feedback
from routing.enhance import paragraph_of
from routing.query_types import QUERY_TYPES
from routing.strategies import STRATEGIES

WATCHED = ("model", "query_type", "strategy", "api_key")  # by which new rows are chosen, too (dashboard/sockets.py)
SAME = ("provider", "asked", "error_code", "conversation")  # that have no field of their own on the page
YES_NO: Mapping[str, bool] = {"yes": True, "no": False}


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    wanted, problem = _wanted(request, member)
    try:
        among = requests_said_of(str(member.tenant_id), said) if (said := request.GET.get("feedback")) in FELT else None
        found = browse.page_of(member.tenant, wanted, after=request.GET.get("after") or None, among=among)
    except BadCursor:
        return redirect("requests", member.tenant.slug)
    asked = {name: value for name, value in request.GET.items() if value and name != "after"}
    context = {
        "rows": found.rows,
        "searched": found.searched,
        "next": urlencode({**asked, "after": found.after}) if found.after else "",
        "first": not request.GET.get("after"),
        "live": asked.keys() <= set(WATCHED),
        "asked": asked,
        "problem": problem,
        "query_types": list(QUERY_TYPES),
        "strategies": [*STRATEGIES, *member.tenant.strategies.values_list("name", flat=True)],
        "keys": access.api_keys_of(member),
        "statuses": RequestLog.Status.choices,
        "more": {name: asked[name] for name in SAME if name in asked},
    }
    return render(request, "dashboard/requests.html", context)


def _wanted(request: HttpRequest, member: Membership) -> tuple[Wanted, str]:
    """What is looked for, and what could not be understood of it."""
    said: dict[str, Any] = {name: value for name, value in request.GET.items() if value and name in Wanted.__struct_fields__}
    for name in ("fallback", "stream", "test"):
        if name in said:
            said[name] = YES_NO.get(said[name])
    for name in ("least_usd", "least_ms"):
        if name in said:
            said[name] = msgspec.json.decode(said[name]) if said[name].replace(".", "", 1).isdigit() else -1
    if request.GET.get("day"):
        said |= _day(request.GET["day"], member)
    try:
        return msgspec.convert(said, Wanted), ""
    except msgspec.ValidationError as error:
        return Wanted(), str(error)


def _day(text: str, member: Membership) -> dict[str, Any]:
    from datetime import date, datetime

    try:
        day = date.fromisoformat(text)
    except ValueError:
        return {"since": text}
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(member.tenant.time_zone))
    return {"since": start.isoformat(), "until": (start + timedelta(days=1)).isoformat()}


# --- one of them


@never_cache
def one(request: HttpRequest, member: Membership, request_id: str) -> HttpResponse:
    row = browse.matching(member.tenant, Wanted(request_id=request_id)).select_related("api_key").first()
    if row is None:
        raise Http404
    told = decision.of(row)
    context = {
        "row": row,
        "added": getattr(paragraph_of(row.enhanced), "text", ""),
        "told": told,
        "picture": decision.picture(told) if told else None,
        "line": decision.time_line(row),
        "money": decision.money(row),
        "said": Feedback.objects.filter(tenant=member.tenant, request_id=row.request_id).order_by("-given_at"),
        "key_name": Names(member.tenant).of("api_key", str(row.api_key_id)),
        "contents": _contents(request, member, row.request_id),
        "may_say": may(member.role, Action.USE) and row.status in ("ok", "replayed"),
    }
    return render(request, "dashboard/request.html", context)


def _contents(request: HttpRequest, member: Membership, request_id: str) -> Mapping[str, Any] | None:
    """What was asked and answered, for who may read it and asks to: that is written down."""
    if not (may(member.role, Action.READ_CONTENTS) and request.GET.get("contents")):
        return None
    try:
        found = contents_of([member.tenant], request_id)
    except Unreadable:
        return {"problem": "It was sealed under a key that is not here any more."}
    if found is None:
        return {"problem": "Nothing is kept of it."}
    audit.note(request, member.tenant, "contents.read", request_id)
    return {
        "asked": _pretty(found.asked),
        "answered": _pretty(found.answered),
        "whole": found.asked_complete and found.answered_complete,
    }


def _pretty(text: str) -> str:
    try:
        return msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:
        return text


@require_POST
def say(request: HttpRequest, member: Membership, request_id: str) -> HttpResponse:
    """Thumbs, stars and words, as a person gives them."""
    if not browse.matching(member.tenant, Wanted(request_id=request_id)).exists():
        raise Http404
    try:
        said = msgspec.convert({"request_id": request_id, **_said(request.POST)}, Said)
        give(str(member.tenant.pk), said, user_id=member.user_id)
    except (UnknownRequest, msgspec.ValidationError):
        raise Http404 from None
    except NothingSaid:
        messages.error(request, "Say whether it was good: a thumb, or stars.")
    else:
        messages.success(request, "Thank you. Routing learns from it within seconds.")
    return redirect("request", member.tenant.slug, request_id)


def _said(posted: Mapping[str, str]) -> Mapping[str, Any]:
    found: dict[str, Any] = {name: posted[name] for name in ("thumb", "comment") if posted.get(name)}
    if posted.get("rating", "").isdigit():
        found["rating"] = int(posted["rating"])
    return found
