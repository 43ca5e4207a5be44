"""Servers of the tenant's own that are told of what happens, and what came of each message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from msgspec import UNSET, Meta, Struct, UnsetType

from accounts import access, audit, hooks
from accounts.addresses import Forbidden
from accounts.models import Message, Webhook
from accounts.roles import Action
from gateway.errors import Conflict, InvalidValue
from gateway.operations import Asked, Listed, Operations, operation
from management.changing import put_on
from management.fields import Time
from management.paging import Paging, page_of

Url = Annotated[str, Meta(min_length=8, max_length=500, pattern=r"^https?://[!-~]+$")]
Event = Literal["budget.threshold_reached"]
Events = Annotated[list[Event], Meta(max_length=20)]


class WebhookTold(Struct, kw_only=True):
    """`events`: empty for all, those to come as well."""

    id: UUID
    url: str
    events: Sequence[str]
    is_active: bool
    created_at: Time


class MadeWebhook(WebhookTold, kw_only=True):
    """`secret`: what signs its messages; shown this once."""

    secret: str


class NewWebhook(Struct, kw_only=True, forbid_unknown_fields=True):
    url: Url
    events: Events = []


class WebhookChange(Struct, kw_only=True, forbid_unknown_fields=True):
    events: Events | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class Delivery(Struct, kw_only=True):
    """`last_status`: of the server's latest answer; `last_problem`: empty where it was taken."""

    id: UUID
    event: str
    to: str
    state: Literal["waiting", "delivered", "given_up"]
    tries: int
    last_status: int | None
    last_problem: str
    payload: Mapping[str, Any]
    created_at: Time


class Webhooks(Operations):
    @operation(
        "list_webhooks",
        "Webhooks, newest first",
        scope="webhooks:read",
        needs=Action.MANAGE_WEBHOOKS,
        query=Paging,
        answer=WebhookTold,
        listed=True,
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(access.webhooks_of(asked.of), asked.query, told)

    @operation(
        "create_webhook",
        "Add a webhook",
        scope="webhooks:write",
        needs=Action.MANAGE_WEBHOOKS,
        body=NewWebhook,
        answer=MadeWebhook,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> MadeWebhook:
        try:
            hooks.check_url(asked.body.url)
        except Forbidden as error:
            raise InvalidValue(str(error), param="url") from None
        if access.webhooks_of(asked.of).count() >= hooks.MOST:
            raise Conflict(hooks.TOO_MANY)
        row, secret = hooks.make(asked.tenant, asked.body.url, asked.body.events)
        audit.note(asked.request, asked.tenant, "webhook.created", row, events=row.events)
        return MadeWebhook(**_facts(row), secret=secret)


class OneWebhook(Operations):
    @operation("get_webhook", "One webhook", scope="webhooks:read", needs=Action.MANAGE_WEBHOOKS, answer=WebhookTold)
    def get(self, asked: Asked, webhook_id: UUID) -> WebhookTold:
        return told(access.webhook_for(asked.of, webhook_id))

    @operation(
        "change_webhook",
        "Change a webhook",
        scope="webhooks:write",
        needs=Action.MANAGE_WEBHOOKS,
        body=WebhookChange,
        answer=WebhookTold,
        edits=True,
    )
    def patch(self, asked: Asked, webhook_id: UUID) -> WebhookTold:
        row = access.webhook_for(asked.of, webhook_id)
        if changed := put_on(row, asked.body):
            row.save()
            audit.note(asked.request, asked.tenant, "webhook.changed", row, **changed)
        return told(row)

    @operation("delete_webhook", "Remove a webhook", scope="webhooks:write", needs=Action.MANAGE_WEBHOOKS, status=204, edits=True)
    def delete(self, asked: Asked, webhook_id: UUID) -> None:
        row = access.webhook_for(asked.of, webhook_id)
        audit.note(asked.request, asked.tenant, "webhook.removed", row)
        row.delete()


class Ping(Operations):
    @operation(
        "ping_webhook",
        "Send a webhook a message that says nothing",
        scope="webhooks:write",
        needs=Action.MANAGE_WEBHOOKS,
        answer=Delivery,
        status=202,
        creates=True,
    )
    def post(self, asked: Asked, webhook_id: UUID) -> Delivery:
        return delivery_told(hooks.ping(access.webhook_for(asked.of, webhook_id)))


class Deliveries(Operations):
    @operation(
        "list_deliveries",
        "What webhooks were told, newest first",
        scope="webhooks:read",
        needs=Action.MANAGE_WEBHOOKS,
        query=Paging,
        answer=Delivery,
        listed=True,
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(access.deliveries_of(asked.of), asked.query, delivery_told)


class Redelivery(Operations):
    @operation(
        "redeliver",
        "Send again what was given up",
        scope="webhooks:write",
        needs=Action.MANAGE_WEBHOOKS,
        answer=Delivery,
        status=202,
    )
    def post(self, asked: Asked, delivery_id: UUID) -> Delivery:
        message = get_object_or_404(access.deliveries_of(asked.of), pk=delivery_id)
        if message.state != Message.State.GIVEN_UP:
            raise Conflict("It was not given up: there is nothing to send again.")
        hooks.send_again(message)
        audit.note(asked.request, asked.tenant, "webhook.redelivered", message.to, event=message.event)
        return delivery_told(message)


def told(row: Webhook) -> WebhookTold:
    return WebhookTold(**_facts(row))


def _facts(row: Webhook) -> dict[str, Any]:
    return {name: getattr(row, name) for name in WebhookTold.__struct_fields__}


def delivery_told(row: Message) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__struct_fields__})
