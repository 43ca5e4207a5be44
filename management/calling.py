"""What callers ask, described by hand: the data plane and the native API are no DRF views. Bodies are those Structs that read
them; answers are described as far as clients may rely on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.problems import MEDIA_TYPE, EnvelopedError
from learning.feedback import Said
from management.schema import described
from routing.chat import ChatBody

Anything = Mapping[str, Any]
API_KEY: list[Any] = [{"apiKey": []}]
CHAT_STATUSES = ("400", "401", "403", "404", "409", "413", "422", "429", "431", "502", "503", "504")


class Envelope(Struct, kw_only=True):
    """What OpenAI's SDKs and the native API's clients both read."""

    success: bool
    error: EnvelopedError


class ChatCompletion(Struct, kw_only=True):
    """As OpenAI answers; `x_routeplex` tells of the routing. With `stream: true` a stream of `chat.completion.chunk` events."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Anything]
    usage: Anything | None = None
    x_routeplex: Anything | None = None


class ListedModel(Struct, kw_only=True):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(Struct, kw_only=True):
    object: Literal["list"]
    data: list[ListedModel]


class NativeBody(Struct, kw_only=True):
    """The native API's chat request; OpenAI's other parameters may be sent as well."""

    messages: Annotated[list[Anything], Meta(min_length=1)]
    mode: Literal["routeplex-ai", "manual"] | None = None
    model: str | None = None
    strategy: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    stream: bool | None = None
    stream_mode: Literal["buffered", "realtime"] | None = None
    enhance_prompt: bool | None = None
    test_mode: bool | None = None


class PromptBody(Struct, kw_only=True):
    prompt: Annotated[str, Meta(max_length=20_000)]


class Told(Struct, kw_only=True):
    """`data`: what was asked for."""

    success: Literal[True]
    data: Any


def add(result: Any, registry: Any) -> None:
    """Into the description of the management API."""
    result["tags"] = [
        {"name": "calling", "description": "Ask models. OpenAI's SDKs speak this: point their base URL here."},
        {"name": "native", "description": "The native API of the published RoutePlex clients."},
        {"name": "deciding", "description": "What would be decided, what was decided, and why."},
    ]
    for path, methods in _PATHS.items():
        found = result["paths"].setdefault(path, {})
        for method, about in methods.items():
            found[method] = _operation(path, registry, **about)


def refused(registry: Any) -> Mapping[str, Any]:
    described(Envelope, registry)
    return {
        "application/json": {"schema": {"$ref": "#/components/schemas/Envelope"}},
        MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
    }


def _operation(
    path: str,
    registry: Any,
    *,
    id: str,
    summary: str,
    tag: str,
    answer: Any,
    body: Any = None,
    security: Any = API_KEY,
    statuses: tuple[str, ...] = ("400", "401", "403", "404", "429", "503"),
    parameters: tuple[Mapping[str, Any], ...] = (),
    streams: bool = False,
    status: str = "200",
) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": described(answer, registry)}}
    if streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    found: dict[str, Any] = {
        "operationId": id,
        "summary": summary,
        "tags": [tag],
        "parameters": [*_of_path(path), *parameters],
        "security": security,
        "responses": {status: {"description": summary, "content": content}}
        | {one: {"$ref": "#/components/responses/Refused"} for one in statuses},
    }
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": described(body, registry)}}}
    return found


def _of_path(path: str) -> list[Mapping[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    kinds = {"key_id": {"type": "string", "format": "uuid"}}
    return [
        {"name": n, "in": "path", "required": True, "schema": kinds.get(n, {"type": "string", "minLength": 1})} for n in names
    ]


_STRATEGY = {
    "name": "X-RoutePlex-Strategy",
    "in": "header",
    "schema": {"type": "string"},
    "description": "auto, quality, cost, speed, balanced, or one of your own. docs/api.md lists all headers.",
}
_ANYBODY: list[Any] = [{}]
_SIGNED_IN: list[Any] = [{"managementKey": []}, {"session": []}]

_PATHS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "/v1/chat/completions": {
        "post": {
            "id": "create_chat_completion",
            "summary": "Ask models, in OpenAI's format",
            "tag": "calling",
            "body": ChatBody,
            "answer": ChatCompletion,
            "statuses": CHAT_STATUSES,
            "parameters": (_STRATEGY,),
            "streams": True,
        }
    },
    "/v1/models": {
        "get": {"id": "list_models", "summary": "Models that this key may use", "tag": "calling", "answer": ModelList}
    },
    "/v1/models/{model_id}": {"get": {"id": "get_model", "summary": "One model", "tag": "calling", "answer": ListedModel}},
    "/v1/feedback": {
        "post": {
            "id": "give_feedback",
            "summary": "Say what an answer was worth",
            "tag": "calling",
            "body": Said,
            "answer": Told,
            "statuses": ("400", "401", "403", "404", "413", "429", "503"),
            "security": [{"apiKey": []}, {"session": []}],
        }
    },
    "/api/v1/chat": {
        "post": {
            "id": "chat",
            "summary": "Ask models, in the native format",
            "tag": "native",
            "body": NativeBody,
            "answer": Told,
            "statuses": CHAT_STATUSES,
            "streams": True,
        }
    },
    "/api/v1/chat/estimate": {
        "post": {
            "id": "estimate",
            "summary": "What a chat request would cost; free",
            "tag": "native",
            "body": NativeBody,
            "answer": Told,
            "security": _ANYBODY,
            "statuses": ("400", "404", "413", "429", "503"),
        }
    },
    "/api/v1/chat/enhance": {
        "post": {
            "id": "enhance",
            "summary": "What enhancement would make of a prompt; free",
            "tag": "native",
            "body": PromptBody,
            "answer": Told,
            "security": _ANYBODY,
            "statuses": ("400", "413", "429", "503"),
        }
    },
    "/api/v1/models": {
        "get": {
            "id": "list_offered_models",
            "summary": "Models that are offered; free",
            "tag": "native",
            "answer": Told,
            "security": _ANYBODY,
            "statuses": ("429", "503"),
        }
    },
    "/api/v1/insights/feedback": {
        "post": {
            "id": "give_native_feedback",
            "summary": "Say what an answer was worth",
            "tag": "native",
            "body": Said,
            "answer": Told,
            "statuses": ("400", "401", "403", "404", "413", "429", "503"),
            "security": [{"apiKey": []}, {"session": []}],
        }
    },
    "/api/v1/route": {
        "post": {
            "id": "route",
            "summary": "What would be decided for a chat request; nobody is asked",
            "tag": "deciding",
            "body": ChatBody,
            "answer": Anything,
            "statuses": CHAT_STATUSES,
        }
    },
    "/api/v1/decisions/{request_id}": {
        "get": {
            "id": "get_decision",
            "summary": "What was decided for a request, and why",
            "tag": "deciding",
            "answer": Anything,
            "security": [{"apiKey": []}, *_SIGNED_IN],
        }
    },
    "/api/v1/decisions/{request_id}/replay": {
        "post": {
            "id": "replay_decision",
            "summary": "The decision computed again from what was kept of it",
            "tag": "deciding",
            "answer": Anything,
            "security": [{"apiKey": []}, *_SIGNED_IN],
        }
    },
    "/api/v1/requests/{request_id}/contents": {
        "get": {
            "id": "get_contents",
            "summary": "What was asked and answered, where it is kept; each reading is written down",
            "tag": "requests",
            "answer": Anything,
            "security": _SIGNED_IN,
        }
    },
    "/api/v1/keys/{key_id}/chat": {
        "post": {
            "id": "chat_on_key",
            "summary": "Ask models on the account of an API key, without holding it",
            "tag": "native",
            "body": NativeBody,
            "answer": Told,
            "security": _SIGNED_IN,
            "statuses": CHAT_STATUSES,
            "streams": True,
        }
    },
}
