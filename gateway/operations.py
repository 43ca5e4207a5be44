"""The management API's frame: one method of one path is an operation, and says of itself who may, what it takes and what it
answers. From that it is run here, described (management/schema.py) and tested for every role.

    @operation("list_keys", "Keys, newest first", scope="keys:read", query=Paging, answer=Key, listed=True)
    def get(self, asked): ...

An operation returns what it answers: a Struct, a `Listed` of them, or None. Answers are `{"success": true, "data": …}`; lists
have `next`, too. Bodies and queries are Structs, read strictly; what goes wrong is a problem (gateway/problems.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import msgspec
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from msgspec import Struct
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api import AnyKeyAuthentication, KeyUser
from accounts.models import Membership, Tenant
from accounts.roles import Action
from gateway import creations, errors
from gateway.admission import Door, entered
from gateway.api import Json, body_of
from gateway.managers import ManagerThrottle
from gateway.wire.json import decoded, where

PASSING = frozenset({"last_used_at", "spent", "resets_at"})  # fields that change without anybody's doing
_encode = msgspec.json.Encoder(decimal_format="string").encode


class Operation(Struct, frozen=True, kw_only=True):
    """`needs`: what the role must allow; `callers`: API keys may, too; `creates`: honours an Idempotency-Key; `edits`: what two
    people may edit at once, so it honours If-Match; `atomic`: runs in one transaction."""

    id: str
    summary: str
    scope: str
    needs: Action = Action.SEE
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    answer: Any = None
    status: int = 200
    listed: bool = False
    callers: bool = False
    creates: bool = False
    edits: bool = False
    atomic: bool = True
    sessions_only: bool = False
    media_type: str = "application/json"
    description: str = ""

    @property
    def reads(self) -> bool:
        return self.scope.endswith(":read")

    @property
    def door(self) -> Door:
        return Door(scope=self.scope, needs=self.needs, callers=self.callers, sessions_only=self.sessions_only)


class Asked(Struct, frozen=True, kw_only=True):
    """`member`: in whose place; of an operator's operation there is none. `caller`: with an API key."""

    request: Any  # Django's: what audit.note takes
    member: Any = None
    tenant: Any = None
    query: Any = None
    body: Any = None

    @property
    def of(self) -> Membership:
        assert isinstance(self.member, Membership)
        return self.member


class Listed(Struct, frozen=True):
    """A page, and the cursor of the one behind it."""

    rows: Sequence[Any]
    next: str | None = None


class Operations(APIView):
    """The operations of one path."""

    authentication_classes = (AnyKeyAuthentication, SessionAuthentication)
    content_negotiation_class = Json
    throttle_classes = (ManagerThrottle,)
    problems = True  # how gateway.api.refuse tells what goes wrong

    @property
    def allowed_methods(self) -> list[str]:
        return list(operations_of(type(self)))

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        raise errors.MethodNotAllowed(
            f"{request.path} takes {', '.join(operations_of(type(self)))}, not {request.method}.",
            allowed=", ".join(operations_of(type(self))),
        )

    options = http_method_not_allowed  # type: ignore[assignment]


def operation(id: str, summary: str, **about: Any) -> Callable[[Callable[..., Any]], Callable[..., HttpResponse]]:
    """What a method of an Operations does, in the fields of Operation."""
    about_it = Operation(id=id, summary=summary, **about)

    def decorate(method: Callable[..., Any]) -> Callable[..., HttpResponse]:
        @wraps(method)
        def run(view: Operations, request: Request, **path: Any) -> HttpResponse:
            return _run(about_it, view, method, request, path)

        run.operation, run.method = about_it, method  # type: ignore[attr-defined]
        return run

    return decorate


def operations_of(view: type) -> Mapping[str, Operation]:
    """By method, in capitals."""
    named: Any = ((name, getattr(view, name.lower(), None)) for name in ("GET", "POST", "PUT", "PATCH", "DELETE"))
    return {name: method.operation for name, method in named if hasattr(method, "operation")}


# --- running one


def _run(
    about: Operation, view: Operations, method: Callable[..., Any], request: Request, path: Mapping[str, Any]
) -> HttpResponse:
    if any("\0" in str(value) for value in path.values()):
        raise errors.NotFound("There is no such thing: no name has a character 0.")
    member, tenant = entered(request, about.door)
    sent = body_of(request)
    asked = Asked(
        request=request._request,
        member=member,
        tenant=tenant,
        query=_query(request, about.query),
        body=decoded(sent, msgspec.json.Decoder(about.body).decode) if about.body else None,
    )

    def answer() -> tuple[int, bytes]:
        told = method(view, asked, **path)
        return (200, told) if isinstance(told, HttpResponseBase) else (about.status, _written(told))  # type: ignore[return-value]

    if about.reads or not about.atomic:
        status, body = answer()
        return body if isinstance(body, HttpResponseBase) else _told(about, request, status, body)
    with transaction.atomic():
        if about.edits:
            _insist_on_match(view, asked, request, path)
        return _made(about, request, sent, answer)


def _made(about: Operation, request: Request, sent: bytes, answer: Callable[[], tuple[int, bytes]]) -> HttpResponse:
    key = request.headers.get("idempotency-key")
    if key is None or not about.creates:
        return _told(about, request, *answer())
    asked = b"\n".join((str(request.method).encode(), request.get_full_path().encode(), sent))
    status, body, before = creations.once(_owner(request), key, asked, answer)
    response = _told(about, request, status, body)
    if before:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _owner(request: Request) -> str:
    if isinstance(request.user, KeyUser):
        return request.user.caller.key_id
    return str(request.auth.pk if request.auth is not None else request.user.pk)


def _written(told: Any) -> bytes:
    if told is None:
        return b""
    if isinstance(told, Listed):
        return _encode({"success": True, "data": told.rows, "next": told.next})
    return _encode({"success": True, "data": told})


def _told(about: Operation, request: Request, status: int, body: bytes) -> HttpResponse:
    if not body:
        return HttpResponse(status=204)
    tag = tag_of(body) if about.reads or about.edits else ""
    if about.reads and tag in request.headers.get("if-none-match", ""):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body, status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store" if about.creates else "private, no-cache"
    if about.reads or about.edits:
        response.headers["ETag"] = tag
    return response


# --- two people, one thing


def tag_of(body: bytes) -> str:
    """Two digests: of what people edit, and of all of it. A key that is used meanwhile has not been edited."""
    data = msgspec.json.decode(body)["data"]
    kept = {name: value for name, value in data.items() if name not in PASSING} if isinstance(data, dict) else data
    return f'"{_digest(_encode(kept))}.{_digest(body)}"'


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _matches(wanted: str, tag: str) -> bool:
    """Whether what is edited is the same."""
    return wanted.strip() == "*" or any(one.strip().partition(".")[0] == tag.partition(".")[0] for one in wanted.split(","))


def _insist_on_match(view: Operations, asked: Asked, request: Request, path: Mapping[str, Any]) -> None:
    """What If-Match says must be what is there now: nobody writes over what they have not seen. Writers of a tenant wait for one
    another meanwhile."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return
    if asked.tenant is not None:
        Tenant.objects.select_for_update(no_key=True).get(pk=asked.tenant.pk)
    seen = Asked(request=asked.request, member=asked.member, tenant=asked.tenant)
    current = tag_of(_written(view.get.method(view, seen, **path)))  # type: ignore[attr-defined]
    if not _matches(wanted, current):
        raise errors.NotAsItWas(
            "It was changed since you read it. Read it again, and send what you want with its new ETag.", param="If-Match"
        )


# --- what stands in the address


def _query(request: Request, kind: type[Struct] | None) -> Any:
    said = {name: values[-1] for name, values in request.query_params.lists() if name != "tenant"}
    if kind is None:
        if said:
            raise errors.InvalidValue(f"There is no parameter {next(iter(said))[:100]!r} here.", param=next(iter(said))[:100])
        return None
    for name, value in said.items():
        if "\0" in value:
            raise errors.InvalidValue("No text has a character 0.", param=name)
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        message, param = where(str(error))
        raise errors.InvalidValue(message, param=param) from None
