"""Webhooks made, tried and told again (how one is called: accounts/webhooks.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils import timezone

from accounts.addresses import place_of
from accounts.models import Message, Tenant, Webhook
from accounts.webhooks import new_secret, seal_secret

MOST = 20  # of one tenant
TOO_MANY = f"A workspace has up to {MOST} webhooks: remove one first."
PING = "ping"
EVENTS: Mapping[str, str] = {"budget.threshold_reached": "a budget has reached a share of its amount"}


def check_url(url: str) -> None:
    """Raises accounts.addresses.Forbidden."""
    place_of(url, plain_http=settings.WEBHOOKS_PLAIN_HTTP, allowed=settings.WEBHOOKS_ALLOWED_NETWORKS)


def make(tenant: Tenant, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
    """And its secret, which is never to be had again."""
    secret = new_secret()
    hook = Webhook(tenant=tenant, url=url, events=list(events))
    seal_secret(hook, secret)
    hook.save()
    return hook, secret


def ping(hook: Webhook) -> Message:
    """A message that says nothing, delivered like any other."""
    payload = {"type": PING, "timestamp": timezone.now().isoformat(), "tenant_id": str(hook.tenant_id), "data": {}}
    return Message.objects.create(
        tenant=hook.tenant, event=PING, kind=Message.Kind.WEBHOOK, webhook=hook, to=hook.url, payload=payload
    )


def send_again(message: Message) -> None:
    """One that was given up, once more from the beginning: the same id, so that a receiver knows it."""
    message.state, message.tries, message.due_at = Message.State.WAITING, 0, timezone.now()
    message.save(update_fields=["state", "tries", "due_at"])
