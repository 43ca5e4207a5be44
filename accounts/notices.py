"""Who has to be told of something, and has been? Messages wait in the database and are delivered by Celery.

`tell` writes them in the transaction of what they tell of, so that neither is ever there without the other. `deliver` claims
each by moving its time: whoever claims it is alone with it, and one that was lost on the way comes due again. So a message
goes out at least once; webhooks carry an id by which a second one is known.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import F
from django.utils import timezone

from accounts import envelopes, webhooks
from accounts.addresses import Forbidden, place_of
from accounts.models import Membership, Message, Tenant
from accounts.webhooks import Delivered

CLAIMED = timedelta(minutes=2)  # longer than any delivery takes
AGAIN = tuple(
    timedelta(seconds=s) for s in (10, 60, 300, 1800, 7200, 21600, 43200)
)  # after the first, second … failure: a day in all
BATCH = 200
RUN_S = 60.0  # of one run; several workers may deliver at once
KEPT = timedelta(days=30)  # what was delivered, or given up

log = logging.getLogger("routeplex.notices")


def tell(tenant: Tenant, event: str, data: Mapping[str, Any], *, subject: str, text: str) -> int:
    """To the tenant's owners and admins by mail, and to its webhooks that want this event; how many messages that makes."""
    roles = (Membership.Role.OWNER, Membership.Role.ADMIN)
    people = tenant.memberships.filter(role__in=roles, user__is_active=True).select_related("user")
    mails = [
        Message(
            tenant=tenant,
            event=event,
            kind=Message.Kind.EMAIL,
            to=member.user.email,
            payload={"subject": " ".join(subject.split()), "text": text},
        )
        for member in people
    ]
    payload = {"type": event, "timestamp": timezone.now().isoformat(), "tenant_id": str(tenant.pk), "data": dict(data)}
    hooks = [
        Message(tenant=tenant, event=event, kind=Message.Kind.WEBHOOK, webhook=hook, to=hook.url, payload=payload)
        for hook in tenant.webhooks.filter(is_active=True)
        if not hook.events or event in hook.events
    ]
    return len(Message.objects.bulk_create([*mails, *hooks]))


def deliver(within_s: float = RUN_S) -> int:
    """What is due, once each, for so long; how many were delivered. What slow receivers leave no time for stays due."""
    due = Message.objects.filter(state=Message.State.WAITING, due_at__lte=timezone.now()).order_by("tries", "due_at")
    end, delivered = time.monotonic() + within_s, 0
    for message in due.select_related("webhook")[:BATCH]:
        if time.monotonic() > end:
            break
        delivered += _deliver(message)
    return delivered


def forget_old() -> int:
    old = Message.objects.exclude(state=Message.State.WAITING).filter(created_at__lt=timezone.now() - KEPT)
    return old.delete()[0]


def _deliver(message: Message) -> bool:
    mine = Message.objects.filter(pk=message.pk, state=Message.State.WAITING, due_at=message.due_at)
    if not mine.update(due_at=timezone.now() + CLAIMED, tries=F("tries") + 1):
        return False  # somebody else has it
    message.refresh_from_db()
    result = _send_mail(message) if message.kind == Message.Kind.EMAIL else _call(message)
    message.last_status, message.last_problem = result.status, result.problem[:200]
    if not result.problem:
        message.state = Message.State.DELIVERED
    elif message.tries > len(AGAIN):
        message.state = Message.State.GIVEN_UP
        log.error("message %s (%s) of tenant %s is given up: %s", message.pk, message.event, message.tenant_id, result.problem)
    else:
        message.due_at = timezone.now() + AGAIN[message.tries - 1]
    message.save(update_fields=["state", "due_at", "last_status", "last_problem"])
    return message.state == Message.State.DELIVERED


def _send_mail(message: Message) -> Delivered:
    try:
        send_mail(message.payload["subject"], message.payload["text"], None, [message.to])
    except (OSError, ValueError) as error:  # of the connection or the server (SMTPException is one), or a name that is no header
        return Delivered(None, f"mail was not taken ({type(error).__name__})")
    return Delivered(None, "")


def _call(message: Message) -> Delivered:
    hook = message.webhook
    if hook is None or not hook.is_active:
        return Delivered(None, "the webhook was removed")
    body = msgspec.json.encode(message.payload)
    try:
        headers = webhooks.headers_of(webhooks.secret_of(hook), f"msg_{message.pk}", int(time.time()), body)
        place = place_of(hook.url, plain_http=settings.WEBHOOKS_PLAIN_HTTP, allowed=settings.WEBHOOKS_ALLOWED_NETWORKS)
    except (Forbidden, envelopes.Unreadable) as error:
        return Delivered(None, str(error))
    return webhooks.post(place, hook.url, headers, body)
