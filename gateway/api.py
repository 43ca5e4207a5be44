"""The control plane's API (DRF): what would be decided for a request, what was decided for one, and whether it is the same.

Bodies are read by the data plane's own parser, errors answered in its envelope.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.access import tenants_of, tenants_whose_prompts_are_open_to
from accounts.api import AnyKeyAuthentication, KeyAuthentication, KeyUser, ManagementKeyAuthentication
from accounts.envelopes import Unreadable
from accounts.ids import request_id as new_request_id
from accounts.models import ManagementKey, Tenant
from accounts.refusals import MissingKey
from accounts.roles import Action
from gateway import errors
from gateway.admission import Door, entered
from gateway.kept import contents_of
from gateway.problems import MEDIA_TYPE, problem
from gateway.record import Recorded, decision_of
from gateway.wire import openai
from routing.classify import classify
from routing.decide import decide
from routing.decisions import again, kept
from routing.explain import differences, explanation
from routing.quality import prior
from routing.snapshot import catalog_of, current
from routing.types import Caller
from routing.weights import version_of

log = logging.getLogger("routeplex.api")


class Json(BaseContentNegotiation):
    """The clients do not say what they accept, or say something else than they read: nobody is told 406."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "application/json"


class RouteView(APIView):
    """POST /api/v1/route: a chat request's body; nobody is asked, the decision is the answer."""

    authentication_classes = (KeyAuthentication,)

    def post(self, request: Request) -> Response:
        caller = cast(Caller, request.auth)
        name = new_request_id()
        chat = openai.parse(body_of(request), headers_of(request), name)
        classification = classify(chat)
        view = current(caller)
        decision = decide(chat, classification, view, caller, datetime.now(UTC).date())
        told = explanation(kept(decision), classification, view.learned)
        return Response({"request_id": name, **told}, headers={"x-request-id": name})


class DecisionView(APIView):
    """GET /api/v1/decisions/{request_id}: what was decided for a request of one's own."""

    authentication_classes = (AnyKeyAuthentication, SessionAuthentication)

    def get(self, request: Request, request_id: str) -> Response:
        recorded = _recorded(request, request_id)
        about = {"request_id": recorded.request_id, "received_at": recorded.received_at, "status": recorded.status}
        served = {"served_by": recorded.model or None}
        learned = version_of(recorded.tenant_id, recorded.decision.seen.learned)
        return Response({**about, **served, **explanation(recorded.decision, recorded.classification, learned)})


class ReplayView(APIView):
    """POST /api/v1/decisions/{request_id}/replay: the decision computed again, from what was kept of it."""

    authentication_classes = (AnyKeyAuthentication, SessionAuthentication)

    def post(self, request: Request, request_id: str) -> Response:
        recorded = _recorded(request, request_id)
        before = recorded.decision
        catalog = catalog_of(before.snapshot_version)
        if catalog is None:
            raise errors.NotFound(f"The catalogue {before.snapshot_version} of that time was not kept: it cannot be replayed.")
        if before.weights_version != prior(catalog).version:
            raise errors.NotFound(f"The weights {before.weights_version} of that time are not known here: it cannot be replayed.")
        learned = version_of(recorded.tenant_id, before.seen.learned)
        if before.seen.learned and learned is None:
            raise errors.NotFound(
                f"Version {before.seen.learned} of what was learned is not kept any more: it cannot be replayed."
            )
        after = again(before, recorded.classification, catalog, prior(catalog), learned)
        differing = msgspec.to_builtins(differences(before, after), str_keys=True)
        answer = {"request_id": request_id, "identical": not differing, "differences": differing}
        return Response({**answer, "decision": explanation(after, recorded.classification, learned)})


class ContentsView(APIView):
    """GET /api/v1/requests/{request_id}/contents: what was asked and answered, for a person who may read it, or their management
    key with the scope contents:read; for no API key."""

    authentication_classes = (ManagementKeyAuthentication, SessionAuthentication)

    def get(self, request: Request, request_id: str) -> Response:
        if isinstance(request.auth, ManagementKey):
            readable = [_of_key(request, Door(scope="contents:read", needs=Action.READ_CONTENTS))]
        else:
            readable = list(tenants_whose_prompts_are_open_to(request.user))
        try:
            readable = [] if "\0" in request_id else readable
            found = next(((t, kept) for t in readable if (kept := contents_of([t], request_id[:64])) is not None), None)
        except Unreadable as error:
            raise errors.NotFound(f"What was kept of this request cannot be read any more: {error}.") from error
        if found is None:
            raise errors.NotFound(f"Nothing is kept of a request {request_id[:64]!r} that you may read.")
        tenant, contents = found
        audit.note(request._request, tenant, "contents.read", request_id[:64])
        return Response(msgspec.to_builtins(contents), headers={"cache-control": "no-store"})


class NowhereView(APIView):
    """Any other path below /api."""

    authentication_classes = ()
    permission_classes = ()
    problems = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.headers = self.default_response_headers
        response = refuse(
            errors.NotFound(f"There is nothing at {request.path[:200]}. /api/docs lists what there is."), {"view": self}
        )
        return self.finalize_response(self.initialize_request(request), response)


def _recorded(request: Request, request_id: str) -> Recorded:
    """Of the key's tenant, or of those of the person who is signed in. What is a stranger's is not there."""
    if "\0" in request_id or (recorded := decision_of(_tenants(request), request_id[:64])) is None:
        raise errors.NotFound(
            f"No decision of yours is called {request_id[:64]!r}. It appears within a second of its request; "
            "decisions of other releases may be kept in a form that is not read any more."
        )
    return recorded


def _tenants(request: Request) -> Sequence[str]:
    if isinstance(request.user, KeyUser):
        return [request.user.caller.tenant_id]
    if isinstance(request.auth, ManagementKey):
        return [str(_of_key(request, Door(scope="requests:read", needs=Action.SEE)).pk)]
    return [str(tenant.pk) for tenant in tenants_of(request.user)]


def _of_key(request: Request, door: Door) -> Tenant:
    _, tenant = entered(request, door)
    assert tenant is not None
    return tenant


def body_of(request: Request) -> bytes:
    limit = settings.MAX_BODY_BYTES
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) <= limit:
        body: bytes = request._request.read(limit + 1)
        if len(body) <= limit:
            return body
    raise errors.BodyTooLarge(f"The body exceeds {limit} bytes.", details={"limit_bytes": limit})


def headers_of(request: Request) -> Mapping[bytes, bytes]:
    return {name.lower().encode("latin-1"): value.encode("latin-1", "replace") for name, value in request.headers.items()}


# --- errors


def refuse(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: one envelope for everything that goes wrong below /api."""
    answer = errors.describe(ours(error))
    as_problem = getattr(context.get("view"), "problems", False)
    if answer.status == errors.INTERNAL.status:
        log.exception("an API request broke", exc_info=error)
    headers = {"WWW-Authenticate": "Bearer"} if answer.status == 401 else {}
    if answer.retry_after_s is not None:
        headers["Retry-After"] = str(round(answer.retry_after_s))
    if answer.allowed:
        headers["Allow"] = answer.allowed
    if as_problem:
        told = msgspec.to_builtins(problem(answer))
        return Response(told, status=answer.status, headers=headers, content_type=MEDIA_TYPE)
    return Response(answer.body(), status=answer.status, headers=headers)


def ours(error: Exception) -> Exception:
    """DRF's and Django's own refusals in our words."""
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return MissingKey()
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return errors.Forbidden(str(error))
    if isinstance(error, Http404):
        return errors.NotFound("There is no such thing.")
    if isinstance(error, exceptions.MethodNotAllowed):
        return errors.MethodNotAllowed(str(error.detail))
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return errors.BadRequest(str(error.detail))
    return error
