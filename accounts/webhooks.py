"""How is a tenant's own server told of something? A POST, signed as Standard Webhooks describes it.

webhook-id         the same for every try: whoever has seen it already ignores it
webhook-timestamp  Unix seconds; a receiver refuses old ones
webhook-signature  v1,base64(HMAC-SHA-256(secret, "id.timestamp.body"))
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import httpx
from msgspec import Struct

from accounts import envelopes
from accounts.addresses import Place
from accounts.models import Webhook

TIMEOUT_S = 10.0
SECRET = "whsec_"  # noqa: S105  # begins every secret


class Delivered(Struct, frozen=True):
    """What came of one try. `status` is None where nobody answered; `problem` is empty where it was taken."""

    status: int | None
    problem: str


def new_secret() -> str:
    """Shown once."""
    return SECRET + base64.b64encode(secrets.token_bytes(32)).decode()


def seal_secret(webhook: Webhook, secret: str) -> None:
    webhook.sealed_secret = envelopes.seal(secret.encode(), about(webhook))


def secret_of(webhook: Webhook) -> str:
    """Raises envelopes.Unreadable."""
    return envelopes.unseal(bytes(webhook.sealed_secret), about(webhook)).decode()


def about(webhook: Webhook) -> str:
    return f"{webhook.tenant_id}|webhook|{webhook.pk}|v1"


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET))
    return "v1," + base64.b64encode(hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)).decode()


def headers_of(secret: str, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    return {
        "content-type": "application/json",
        "user-agent": "RoutePlex-Webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }


def post(place: Place, url: str, headers: Mapping[str, str], body: bytes) -> Delivered:
    """To the address that was checked, under the name that was given; no redirect, no proxy; the answer's text is not read."""
    target = httpx.URL(url)
    named = place.host if target.port is None else f"{place.host}:{place.port}"
    request = httpx.Request(
        "POST",
        target.copy_with(host=place.ip),
        headers={"host": named, **headers},
        content=body,
        extensions={"sni_hostname": place.host},
    )
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            answer = client.send(request, stream=True)
            answer.close()
    except httpx.HTTPError as error:
        return Delivered(None, f"no answer ({type(error).__name__})")
    if answer.is_success:
        return Delivered(answer.status_code, "")
    return Delivered(answer.status_code, f"answered {answer.status_code}")
