"""Feedback and learning for programs (DRF): say what an answer was worth; see, steer, stop and delete what is learned.

Feedback is an API key's to give, of its own tenant's requests. What is learned may be seen with any key; to steer it is for
people and management keys that may change the routing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.access import tenants_of
from accounts.api import KeyAuthentication, KeyUser
from accounts.roles import Action
from gateway import errors
from gateway.api import Json, body_of
from gateway.operations import Asked, Operations, operation
from gateway.wire.json import decoded
from learning import steering, telling
from learning.feedback import NothingSaid, Said, UnknownRequest, give
from learning.steering import NoSuchVersion, Wishes
from routing.snapshot import catalog

_decode_said = msgspec.json.Decoder(Said).decode

SEEN: Mapping[str, Any] = {"scope": "learning:read", "callers": True, "answer": dict[str, Any]}
STEERED: Mapping[str, Any] = {"scope": "learning:write", "needs": Action.MANAGE_ROUTING, "answer": dict[str, Any]}


class FeedbackView(APIView):
    """POST /v1/feedback and POST /api/v1/insights/feedback."""

    authentication_classes = (KeyAuthentication, SessionAuthentication)
    content_negotiation_class = Json

    def post(self, request: Request) -> Response:
        said = decoded(body_of(request), _decode_said)
        try:
            signals = _given(request, said)
        except UnknownRequest:
            raise errors.NotFound(
                f"No request of yours is called {said.request_id!r}. An answer's header x-request-id has its id."
            ) from None
        except NothingSaid:
            raise errors.InvalidValue(
                "Say what the answer was worth: `rating` (1..5), `thumb` (up, down), `score` (0..1), `metrics` or `correction`.",
                param="rating",
            ) from None
        return Response({"success": True, "data": {"request_id": said.request_id, "signals": signals}})


def _given(request: Request, said: Said) -> Any:
    if isinstance(request.user, KeyUser):
        caller = request.user.caller
        return give(caller.tenant_id, said, key_id=caller.key_id)
    for tenant in tenants_of(request.user):
        try:
            return give(str(tenant.pk), said, user_id=request.user.pk)
        except UnknownRequest:
            continue
    raise UnknownRequest(said.request_id)


class LearningView(Operations):
    """/api/v1/learning"""

    @operation("get_learning", "What was learned, from how much, and what is wished", **SEEN)
    def get(self, asked: Asked) -> Any:
        return telling.state_of(str(asked.tenant.pk))

    @operation("change_learning", "Change how learning works", body=Wishes, **STEERED)
    def patch(self, asked: Asked) -> Any:
        _insist_on_models(asked.body)
        steering.wish(str(asked.tenant.pk), asked.body)
        audit.note(asked.request, asked.tenant, "learning.changed", **_plain(asked.body))
        return telling.state_of(str(asked.tenant.pk))

    @operation("forget_learning", "Delete everything that was learned and said; the wishes stay", **{**STEERED, "status": 204})
    def delete(self, asked: Asked) -> None:
        steering.forget(str(asked.tenant.pk))
        audit.note(asked.request, asked.tenant, "learning.forgotten")


class VersionsView(Operations):
    """/api/v1/learning/versions"""

    @operation("list_learned_versions", "Versions of what was learned, newest first", **SEEN)
    def get(self, asked: Asked) -> Any:
        return {"versions": telling.versions_of(str(asked.tenant.pk))}


class ComparisonView(Operations):
    """/api/v1/learning/versions/{version}/compare/{other}"""

    @operation("compare_learned_versions", "What the second version says otherwise", **SEEN)
    def get(self, asked: Asked, version: int, other: int) -> Any:
        return _of_versions(lambda: telling.compared(str(asked.tenant.pk), version, other))


class PinView(Operations):
    """/api/v1/learning/versions/{version}/pin"""

    @operation("pin_learned_version", "This version serves, until it is let go", **STEERED)
    def post(self, asked: Asked, version: int) -> Any:
        _of_versions(lambda: steering.pin(str(asked.tenant.pk), version))
        audit.note(asked.request, asked.tenant, "learning.pinned", f"version {version}")
        return telling.state_of(str(asked.tenant.pk))

    @operation("let_learned_version_go", "What was learned serves again", **STEERED)
    def delete(self, asked: Asked, version: int) -> Any:
        steering.let_go(str(asked.tenant.pk))
        audit.note(asked.request, asked.tenant, "learning.let_go", f"version {version}")
        return telling.state_of(str(asked.tenant.pk))


class RollbackView(Operations):
    """/api/v1/learning/versions/{version}/rollback"""

    @operation("roll_learning_back", "As it was at this version: what came since is forgotten", **STEERED)
    def post(self, asked: Asked, version: int) -> Any:
        _of_versions(lambda: steering.roll_back(str(asked.tenant.pk), version))
        audit.note(asked.request, asked.tenant, "learning.rolled_back", f"version {version}")
        return telling.state_of(str(asked.tenant.pk))


class KeyView(Operations):
    """/api/v1/learning/keys/{key}"""

    @operation(
        "get_learning_without_key",
        "What would change without this key's feedback",
        scope="learning:read",
        needs=Action.MANAGE_ROUTING,
        answer=dict[str, Any],
    )
    def get(self, asked: Asked, key: UUID) -> Any:
        return telling.without_key(str(asked.tenant.pk), str(key))

    @operation("trust_key", "This key's feedback counts again", **STEERED)
    def post(self, asked: Asked, key: UUID) -> Any:
        steering.trust(str(asked.tenant.pk), str(key))
        audit.note(asked.request, asked.tenant, "learning.trusted", key)
        return telling.state_of(str(asked.tenant.pk))


def _insist_on_models(wishes: Wishes) -> None:
    for param in ("baseline", "judge"):
        name = getattr(wishes, param)
        if name and name not in catalog().models:
            raise errors.InvalidValue("There is no such model. A model is written provider/name.", param=param)


def _plain(wishes: Wishes) -> Mapping[str, str]:
    return {name: str(value) for name, value in msgspec.to_builtins(wishes).items()}


def _of_versions(asked: Callable[[], Any]) -> Any:
    try:
        return asked()
    except NoSuchVersion as error:
        raise errors.NotFound(
            f"There is no version {error} of what was learned. GET /api/v1/learning/versions lists them."
        ) from None
