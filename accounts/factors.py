"""How are second factors kept? Secrets of authenticator apps and seeds of recovery codes: sealed, in django-allauth's rows."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from accounts import envelopes

ABOUT = "second factor|v1"
SEALED = ("secret", "seed")  # in an authenticator's `data`


def seal(text: str) -> str:
    return base64.b64encode(envelopes.seal(text.encode(), ABOUT)).decode()


def unseal(sealed: str) -> str:
    """Raises envelopes.Unreadable."""
    return envelopes.unseal(base64.b64decode(sealed), ABOUT).decode()


def rewrap_all() -> tuple[int, int]:
    """Under the present ENCRYPTION_KEY: how many were changed, and how many cannot be read."""
    from allauth.mfa.models import Authenticator

    changed = unreadable = 0
    for authenticator in Authenticator.objects.iterator():
        try:
            data = _rewrapped(authenticator.data)
        except envelopes.Unreadable:
            unreadable += 1
            continue
        if data != authenticator.data:
            Authenticator.objects.filter(pk=authenticator.pk, data=authenticator.data).update(data=data)
            changed += 1
    return changed, unreadable


def _rewrapped(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _current(value) if name in SEALED else value for name, value in data.items()}


def _current(sealed: str) -> str:
    envelope = base64.b64decode(sealed)
    if envelopes.current(envelope):
        return sealed
    return base64.b64encode(envelopes.rewrap(envelope, ABOUT)).decode()
