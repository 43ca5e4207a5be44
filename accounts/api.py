"""Keys at the control plane's door (DRF): those that call, and those that manage."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import audit, management_keys
from accounts.keys import insist, recognise
from accounts.models import ManagementKey
from accounts.refusals import OutOfScope
from routing.types import Caller


class KeyUser:
    """Who asks with a calling key: no person, but known."""

    is_authenticated = True
    is_active = True
    is_staff = False

    def __init__(self, caller: Caller) -> None:
        self.caller = caller


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer rp_live_…` or `x-api-key`. Raises KeyRefused; None where no key was sent."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        token = token_of(request)
        if not token:
            return None
        caller = recognise(token)
        insist(caller, "read")
        return KeyUser(caller), caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ManagementKeyAuthentication(KeyAuthentication):
    """`Authorization: Bearer rp_admin_…`: the person who made the key, with the key as `request.auth`."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        token = token_of(request)
        if not token:
            return None
        if not token.startswith(management_keys.START):
            recognise(token)  # a key that opens nothing anywhere is told so first
            raise OutOfScope("An API key manages nothing. Send a management key (rp_admin_…), or sign in.")
        return _managing(request, token)


class AnyKeyAuthentication(KeyAuthentication):
    """Either of them."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        token = token_of(request)
        return _managing(request, token) if token.startswith(management_keys.START) else super().authenticate(request)


def _managing(request: Request, token: str) -> tuple[Any, ManagementKey]:
    key = management_keys.recognise(token)
    setattr(request._request, audit.BY_KEY, key)
    return key.created_by, key


def token_of(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "").strip()
