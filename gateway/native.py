"""The native API (DRF): chat as the published `routeplex` clients ask for it, and the three endpoints that are free.

A chat request goes the same way as on /v1 (gateway/chat.py); Django stands before it and lets the answer out, whole or as an
asynchronous stream. Who hangs up cancels it: Django's handler watches for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any, cast

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from msgspec import Struct
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import KeyAuthentication
from accounts.ids import request_id
from gateway import drain, errors, estimates, listing
from gateway.api import body_of, headers_of, ours
from gateway.chat import Call
from gateway.idempotency import answer_once
from gateway.visitors import VisitorThrottle
from gateway.wire import Head, Wire, native, openai
from gateway.wire.json import decoded
from routing.enhance import enhance
from routing.types import Caller

log = logging.getLogger("routeplex.native")

MAX_PROMPT = 20_000  # characters that are enhanced for nothing


class Json(BaseContentNegotiation):
    """The clients do not say what they accept, or say something else than they read: nobody is told 406."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "application/json"


class AnswerView(APIView):
    """POST: one chat request in `wire`'s format. DRF knows the caller; what it does for that it does in a thread."""

    authentication_classes = (KeyAuthentication,)
    content_negotiation_class = Json
    wire: Wire

    async def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        self.headers = self.default_response_headers
        self.name = request_id()
        self.request = asked = self.initialize_request(request, *args, **kwargs)
        try:
            await sync_to_async(self.initial)(asked, *args, **kwargs)
            response = await self.post(asked) if asked.method == "POST" else await self.options(asked)
        except Exception as error:
            response = self._refused(error)
        return self.finalize_response(asked, response, *args, **kwargs)  # type: ignore[arg-type]  # it takes any of Django's

    async def post(self, request: Request) -> HttpResponseBase:
        call = Call(
            id=self.name,
            caller=cast(Caller, request.auth),
            wire=self.wire,
            headers=headers_of(request),
            body=body_of(request),
        )
        return await _leaving(answer_once(call), self.wire, self.name)

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        raise errors.MethodNotAllowed(f"{request.path} takes POST, not {request.method}.", allowed="POST")

    def _refused(self, error: Exception) -> HttpResponse:
        told = ours(error)
        if errors.describe(told).status == errors.INTERNAL.status:
            log.exception("request %s broke", self.name, exc_info=error)
        head, body = self.wire.error(told, self.name)
        return _whole(head, body)


class ChatView(AnswerView):
    """POST /api/v1/chat."""

    wire = native


class CompletionsView(AnswerView):
    """POST /api/v1/chat/completions: OpenAI's format at another address."""

    wire = openai


# --- out


async def _leaving(pieces: AsyncGenerator[Head | bytes], wire: Wire, name: str) -> HttpResponseBase:
    """The answer once its status is known: with the first thing that the provider says."""
    head = cast(Head, await anext(pieces))
    if not head.whole:
        response = StreamingHttpResponse(_streamed(pieces, wire, name), status=head.status)
        return _with_headers(response, head)
    async with aclosing(pieces):
        return _whole(head, cast(bytes, await anext(pieces)))


async def _streamed(pieces: AsyncGenerator[Head | bytes], wire: Wire, name: str) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield cast(bytes, piece)
    except asyncio.CancelledError:
        if not drain.over():
            raise
        yield wire.error_event(errors.Stopping(), name)
    except Exception as error:
        if errors.describe(error).status == errors.INTERNAL.status:
            log.exception("request %s broke", name, exc_info=error)
        yield wire.error_event(error, name)


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
