"""How often may somebody ask the management API? A bucket for each person and key, in this process's memory."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.api import KeyUser
from gateway.buckets import RateLimited
from gateway.visitors import Visitors, address_of
from routing.types import RateLimit

_managers = Visitors()
forget = _managers.forget


class ManagerThrottle(BaseThrottle):
    """Raises RateLimited, so that it is answered like any other limit."""

    def allow_request(self, request: Request, view: Any) -> bool:
        most = settings.MANAGEMENT_REQUESTS_PER_MINUTE
        if (full := _managers.ask(_name(request), most)) is not None:
            raise RateLimited(RateLimit(owner="key", requests_per_minute=most), full)
        return True


def _name(request: Request) -> str:
    if isinstance(request.user, KeyUser):
        return request.user.caller.key_id
    if request.auth is not None:
        return str(request.auth.pk)
    return str(request.user.pk) if request.user.is_authenticated else address_of(request)
