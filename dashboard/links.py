"""How is a page called from outside: in a mail, by a tool?"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


def root(request: HttpRequest) -> str:
    """PUBLIC_URL, where the operator has said it; else as this request came."""
    return str(settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}")


def absolute(request: HttpRequest, name: str, *args: object) -> str:
    return root(request) + reverse(name, args=args)
