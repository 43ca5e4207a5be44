"""The native API, as far as Django answers it (DRF): the three endpoints that are free, and chat for people.

Chat with an API key, `/api/v1/chat`, is served by Channels' router (gateway/asgi.py): Django would cost it twelve
milliseconds. Who is signed in and has no key at hand asks here, on the account of a key that they may use. The request goes
the same way (gateway/chat.py); the answer leaves whole or as an asynchronous stream. Who hangs up cancels it: Django's handler
watches for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from msgspec import Struct
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import api_key_to_ask_with
from accounts.api import ManagementKeyAuthentication
from accounts.ids import request_id
from accounts.keys import caller_of, insist
from accounts.models import ManagementKey
from accounts.roles import Action
from gateway import drain, errors, estimates, listing
from gateway.admission import Door, entered
from gateway.api import Json, body_of, headers_of, ours
from gateway.chat import Call
from gateway.idempotency import answer_once
from gateway.visitors import VisitorThrottle
from gateway.wire import Head, native
from gateway.wire.json import decoded
from routing.enhance import enhance
from routing.types import Caller

log = logging.getLogger("routeplex.native")

MAX_PROMPT = 20_000  # characters that are enhanced for nothing


class AskView(APIView):
    """POST /api/v1/keys/{key_id}/chat: a chat request of somebody who is signed in, with this key's models, limits and budgets.
    DRF knows the person; what it does for that it does in a thread."""

    authentication_classes = (ManagementKeyAuthentication, SessionAuthentication)
    content_negotiation_class = Json

    async def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        self.headers = self.default_response_headers
        self.name = request_id()
        self.request = asked = self.initialize_request(request, *args, **kwargs)
        try:
            caller = await sync_to_async(self._entered)(asked, *args, **kwargs)
            response = await self.post(asked, caller) if asked.method == "POST" else await self.options(asked)
        except Exception as error:
            response = self._refused(error)
        return self.finalize_response(asked, response, *args, **kwargs)  # type: ignore[arg-type]  # it takes any of Django's

    def _entered(self, request: Request, key_id: UUID) -> Caller:
        self.initial(request)
        key = api_key_to_ask_with(request.user, key_id)
        if isinstance(request.auth, ManagementKey):
            _, tenant = entered(request, Door(scope="chat:write", needs=Action.USE))
            if tenant != key.tenant:  # its maker may ask there; it may not
                raise Http404
        caller = caller_of(key)
        insist(caller, "chat")
        return caller

    async def post(self, request: Request, caller: Caller) -> HttpResponseBase:
        call = Call(
            id=self.name,
            caller=caller,
            wire=native,
            headers=headers_of(request),
            body=body_of(request),
        )
        return await _leaving(answer_once(call), self.name)

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        raise errors.MethodNotAllowed(f"{request.path} takes POST, not {request.method}.", allowed="POST")

    def _refused(self, error: Exception) -> HttpResponse:
        told = ours(error)
        if errors.describe(told).status == errors.INTERNAL.status:
            log.exception("request %s broke", self.name, exc_info=error)
        head, body = native.error(told, self.name)
        return _whole(head, body)


# --- out


async def _leaving(pieces: AsyncGenerator[Head | bytes], name: str) -> HttpResponseBase:
    """The answer once its status is known: with the first thing that the provider says."""
    head = cast(Head, await anext(pieces))
    if not head.whole:
        response = StreamingHttpResponse(_streamed(pieces, name), status=head.status)
        return _with_headers(response, head)
    async with aclosing(pieces):
        return _whole(head, cast(bytes, await anext(pieces)))


async def _streamed(pieces: AsyncGenerator[Head | bytes], name: str) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield cast(bytes, piece)
    except asyncio.CancelledError:
        if not drain.over():
            raise
        yield native.error_event(errors.Stopping(), name)
    except Exception as error:
        if errors.describe(error).status == errors.INTERNAL.status:
            log.exception("request %s broke", name, exc_info=error)
        yield native.error_event(error, name)


def _whole(head: Head, body: bytes) -> HttpResponse:
    return cast(HttpResponse, _with_headers(HttpResponse(body, status=head.status), head))


def _with_headers(response: HttpResponseBase, head: Head) -> HttpResponseBase:
    for name, value in head.headers:
        response.headers[name.decode("latin-1")] = value.decode("latin-1")
    return response


# --- what is free


class FreeView(APIView):
    """Nobody is asked who they are; an address may only ask so often."""

    authentication_classes = ()
    content_negotiation_class = Json
    permission_classes = ()
    throttle_classes = (VisitorThrottle,)


class EstimateView(FreeView):
    """POST /api/v1/chat/estimate: what a chat request would cost, by one model, the router's choice or all."""

    def post(self, request: Request) -> Response:
        fields = decoded(body_of(request), msgspec.json.Decoder(dict[str, msgspec.Raw]).decode)
        return _given(estimates.estimate(fields, headers_of(request), request_id()))


class _Prompt(Struct, frozen=True):
    prompt: str


class EnhanceView(FreeView):
    """POST /api/v1/chat/enhance: what `enhance_prompt` would make of a prompt."""

    def post(self, request: Request) -> Response:
        prompt = decoded(body_of(request), msgspec.json.Decoder(_Prompt).decode).prompt
        if len(prompt) > MAX_PROMPT:
            raise errors.InvalidValue(f"`prompt` has at most {MAX_PROMPT} characters here.", param="prompt")
        made = enhance(prompt)
        return _given(
            {
                "original_prompt": made.original,
                "enhanced_prompt": made.text,
                "changed": made.applied,
                "query_type": made.query_type,
                "detected_language": made.language,
            }
        )


class ModelsView(FreeView):
    """GET /api/v1/models: what the operator offers."""

    def get(self, request: Request) -> Response:
        return _given(listing.offered())


def _given(data: Any) -> Response:
    return Response({"success": True, "data": data})
