"""The control plane's API (DRF): what would be decided for a request, what was decided for one, and whether it is the same.

Bodies are read by the data plane's own parser, errors answered in its envelope.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from django.conf import settings
from django.http import Http404
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import tenants_of, tenants_whose_prompts_are_open_to
from accounts.api import KeyAuthentication, KeyUser
from accounts.envelopes import Unreadable
from accounts.ids import request_id as new_request_id
from accounts.refusals import MissingKey
from gateway import errors
from gateway.kept import contents_of
from gateway.record import Recorded, decision_of
from gateway.wire import openai
from routing.classify import classify
from routing.decide import decide
from routing.decisions import again, kept
from routing.explain import differences, explanation
from routing.quality import prior
from routing.snapshot import catalog_of, current
from routing.types import Caller

log = logging.getLogger("routeplex.api")


class RouteView(APIView):
    """POST /api/v1/route: a chat request's body; nobody is asked, the decision is the answer."""

    authentication_classes = (KeyAuthentication,)

    def post(self, request: Request) -> Response:
        caller = cast(Caller, request.auth)
        name = new_request_id()
        chat = openai.parse(body_of(request), headers_of(request), name)
        classification = classify(chat)
        decision = decide(chat, classification, current(caller), caller, datetime.now(UTC).date())
        return Response({"request_id": name, **explanation(kept(decision), classification)}, headers={"x-request-id": name})


class DecisionView(APIView):
    """GET /api/v1/decisions/{request_id}: what was decided for a request of one's own."""

    authentication_classes = (KeyAuthentication, SessionAuthentication)

    def get(self, request: Request, request_id: str) -> Response:
        recorded = _recorded(request, request_id)
        about = {"request_id": recorded.request_id, "received_at": recorded.received_at, "status": recorded.status}
        served = {"served_by": recorded.model or None}
        return Response({**about, **served, **explanation(recorded.decision, recorded.classification)})


class ReplayView(APIView):
    """POST /api/v1/decisions/{request_id}/replay: the decision computed again, from what was kept of it."""

    authentication_classes = (KeyAuthentication, SessionAuthentication)

    def post(self, request: Request, request_id: str) -> Response:
        recorded = _recorded(request, request_id)
        before = recorded.decision
        catalog = catalog_of(before.snapshot_version)
        if catalog is None:
            raise errors.NotFound(f"The catalogue {before.snapshot_version} of that time was not kept: it cannot be replayed.")
        if before.weights_version != prior(catalog).version:
            raise errors.NotFound(f"The weights {before.weights_version} of that time are not known here: it cannot be replayed.")
        after = again(before, recorded.classification, catalog, prior(catalog))
        differing = msgspec.to_builtins(differences(before, after), str_keys=True)
        answer = {"request_id": request_id, "identical": not differing, "differences": differing}
        return Response({**answer, "decision": explanation(after, recorded.classification)})


class ContentsView(APIView):
    """GET /api/v1/requests/{request_id}/contents: what was asked and answered, for a person who may read it, no API key."""

    def get(self, request: Request, request_id: str) -> Response:
        readable = tenants_whose_prompts_are_open_to(request.user)
        try:
            contents = contents_of(readable, request_id[:64])
        except Unreadable as error:
            raise errors.NotFound(f"What was kept of this request cannot be read any more: {error}.") from error
        if contents is None:
            raise errors.NotFound(f"Nothing is kept of a request {request_id[:64]!r} that you may read.")
        return Response(msgspec.to_builtins(contents), headers={"cache-control": "no-store"})


class NowhereView(APIView):
    """Any other path below /api."""

    authentication_classes = ()
    permission_classes = ()

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.headers = self.default_response_headers
        response = refuse(errors.NotFound(f"There is nothing at {request.path[:200]}. docs/api.md lists what there is."), {})
        return self.finalize_response(self.initialize_request(request), response)


def _recorded(request: Request, request_id: str) -> Recorded:
    """Of the key's tenant, or of those of the person who is signed in. What is a stranger's is not there."""
    if (recorded := decision_of(_tenants(request), request_id[:64])) is None:
        raise errors.NotFound(
            f"No decision of yours is called {request_id[:64]!r}. It appears within a second of its request; "
            "decisions of other releases may be kept in a form that is not read any more."
        )
    return recorded


def _tenants(request: Request) -> Sequence[str]:
    if isinstance(request.user, KeyUser):
        return [request.user.caller.tenant_id]
    return [str(tenant.pk) for tenant in tenants_of(request.user)]


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
    if answer.status == errors.INTERNAL.status:
        log.exception("an API request broke", exc_info=error)
    headers = {"WWW-Authenticate": "Bearer"} if answer.status == 401 else {}
    if answer.retry_after_s is not None:
        headers["Retry-After"] = str(round(answer.retry_after_s))
    return Response(answer.body(), status=answer.status, headers=headers)


def ours(error: Exception) -> Exception:
    """DRF's and Django's own refusals in our words."""
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return MissingKey()
    if isinstance(error, Http404):
        return errors.NotFound("There is no such thing.")
    if isinstance(error, exceptions.MethodNotAllowed):
        return errors.MethodNotAllowed(str(error.detail))
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return errors.BadRequest(str(error.detail))
    return error
