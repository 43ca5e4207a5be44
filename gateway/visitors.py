"""How often may an address ask what is free? A bucket for each, in this process's memory.

No Redis: what is guarded is this process's own time, and a limit per process guards it as well. IPv6 counts by /64, which is
what one household has.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from gateway.buckets import MINUTE, Bucket, Full, RateLimited, Sizes, admit
from routing.types import RateLimit

PER_MINUTE = 120
REMEMBERED = 50_000  # addresses

_LIMIT = RateLimit(owner="address", requests_per_minute=PER_MINUTE)


class VisitorThrottle(BaseThrottle):
    """Raises RateLimited, so that it is answered like any other limit."""

    def allow_request(self, request: Request, view: Any) -> bool:
        full = _visitors.ask(address_of(request))
        if full is not None:
            raise RateLimited(_LIMIT, full)
        return True


class Visitors:
    """Buckets by address; the one that was seen least lately goes first."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()  # views run in threads

    def ask(self, address: str, most: int | None = None) -> Full | None:
        with self._lock:
            bucket = self._buckets.setdefault(address, Bucket())
            self._buckets.move_to_end(address)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
            answer = admit([bucket], [Sizes(requests=most or PER_MINUTE)], 0, "", time.time() * 1e6, MINUTE)
            return answer if isinstance(answer, Full) else None

    def forget(self) -> None:
        with self._lock:
            self._buckets.clear()


_visitors = Visitors()
forget = _visitors.forget


def address_of(request: Request) -> str:
    """Behind a proxy that is trusted, what it says last; anybody can write what stands before that."""
    said = str(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER and (told := request.headers.get("x-forwarded-for")):
        said = told.rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(said)
    except ValueError:
        return said[:64]
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
