"""How the tenant's requests are routed: settings with every change of them and the way back, and strategies of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from msgspec import UNSET, Meta, Struct, UnsetType

from accounts import audit
from accounts.models import AuditEntry
from accounts.roles import Action
from gateway.errors import Conflict, InvalidValue, NotFound
from gateway.operations import Asked, Listed, Operations, operation
from management.changing import checked, said
from management.fields import Slider, StrategyName, Text, Time
from management.paging import Paging, page_of
from routing.models import NAME, TenantStrategy
from routing.rules import Parts, Strategy
from routing.settings import (
    Price,
    RoutingSettings,
    change,
    changes_of,
    check_names,
    check_strategy,
    is_default,
    settings_of,
    undo,
)
from routing.strategies import promises

Names = Annotated[list[Text], Meta(max_length=500)]
Region = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z0-9-]+$")]
MOST_STRATEGIES = 100  # of one tenant


class RoutingTold(Struct, kw_only=True):
    """`strategy`: the default; prices in USD a million tokens; `allow`, `deny`: providers or models; None: no limit."""

    strategy: str
    tradeoff: float | None
    draws: bool
    premium: bool
    allow: Sequence[str]
    deny: Sequence[str]
    regions: Sequence[str]
    max_input_usd_per_mtok: float | None
    max_output_usd_per_mtok: float | None
    max_fallbacks: int | None


class RoutingChange(Struct, kw_only=True, forbid_unknown_fields=True):
    strategy: StrategyName | UnsetType = UNSET
    tradeoff: Slider | UnsetType | None = UNSET
    draws: bool | UnsetType = UNSET
    premium: bool | UnsetType = UNSET
    allow: Names | UnsetType = UNSET
    deny: Names | UnsetType = UNSET
    regions: Annotated[list[Region], Meta(max_length=50)] | UnsetType = UNSET
    max_input_usd_per_mtok: Price | UnsetType | None = UNSET
    max_output_usd_per_mtok: Price | UnsetType | None = UNSET
    max_fallbacks: Annotated[int, Meta(ge=0, le=2)] | UnsetType | None = UNSET


class RoutingChanged(Struct, kw_only=True):
    """One change: `before` and `after` are routing settings, whole."""

    id: int
    at: Time
    who: str
    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class StrategyTold(Struct, kw_only=True):
    """`own`: the tenant's, with its `parts`; the others are ours."""

    name: str
    own: bool
    description: str
    parts: Mapping[str, Any] | None


class Routing(Operations):
    @operation("get_routing", "How requests are routed", scope="routing:read", answer=RoutingTold)
    def get(self, asked: Asked) -> RoutingTold:
        return told(settings_of(asked.tenant))

    @operation(
        "change_routing",
        "Change how requests are routed",
        description="Gateways know within two seconds. Every change is kept and can be undone.",
        scope="routing:write",
        needs=Action.MANAGE_ROUTING,
        body=RoutingChange,
        answer=RoutingTold,
        edits=True,
    )
    def patch(self, asked: Asked) -> RoutingTold:
        wanted = said(asked.body)
        with checked("strategy"):
            check_strategy(asked.tenant, wanted.get("strategy", ""))
        for name in ("allow", "deny"):
            with checked(name):
                check_names(wanted.get(name, ()))
        with checked():
            change(asked.request, asked.tenant, msgspec.structs.replace(settings_of(asked.tenant), **wanted))
        return told(settings_of(asked.tenant))


class RoutingChanges(Operations):
    @operation(
        "list_routing_changes",
        "Every change of the routing, newest first",
        scope="routing:read",
        query=Paging,
        answer=RoutingChanged,
        listed=True,
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(changes_of(asked.of), asked.query, change_told, by="at")


class RoutingUndo(Operations):
    @operation(
        "undo_routing_change",
        "Put the routing back as it was before a change",
        scope="routing:write",
        needs=Action.MANAGE_ROUTING,
        answer=RoutingTold,
    )
    def post(self, asked: Asked, change_id: int) -> RoutingTold:
        entry = get_object_or_404(changes_of(asked.of), pk=change_id)
        try:
            undo(asked.request, asked.tenant, entry)
        except (ValidationError, msgspec.ValidationError) as error:
            raise Conflict(f"As it was then, it is not valid any more: {error}.") from None
        return told(settings_of(asked.tenant))


class Strategies(Operations):
    @operation(
        "list_strategies", "Strategies: ours, and the tenant's own", scope="routing:read", answer=StrategyTold, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        ours = [StrategyTold(name=name, own=False, description=text, parts=None) for name, text in promises().items()]
        own = [strategy_told(row) for row in asked.tenant.strategies.order_by("name")]
        return Listed([*ours, *own])


class OneStrategy(Operations):
    @operation("get_strategy", "One of the tenant's own strategies", scope="routing:read", answer=StrategyTold)
    def get(self, asked: Asked, name: str) -> StrategyTold:
        return strategy_told(_own(asked, name))

    @operation(
        "put_strategy",
        "Make or change a strategy of one's own",
        scope="routing:write",
        needs=Action.MANAGE_ROUTING,
        body=Parts,
        answer=StrategyTold,
    )
    def put(self, asked: Asked, name: str) -> StrategyTold:
        if name in [one.value for one in Strategy] or not NAME.fullmatch(name):
            raise InvalidValue("A name of your own: small letters, digits, dashes, and none of ours.", param="name")
        parts = msgspec.to_builtins(asked.body)
        with checked("rules"):
            check_names([*asked.body.rules.allow, *asked.body.rules.deny])
        known = asked.tenant.strategies
        if not known.filter(name=name).exists() and known.count() >= MOST_STRATEGIES:
            raise Conflict(f"A tenant has up to {MOST_STRATEGIES} strategies: remove one first.")
        row, _ = TenantStrategy.objects.update_or_create(tenant=asked.tenant, name=name, defaults={"parts": parts})
        audit.note(asked.request, asked.tenant, "strategy.saved", name, parts=parts)
        return strategy_told(row)

    @operation(
        "delete_strategy",
        "Remove a strategy of one's own",
        scope="routing:write",
        needs=Action.MANAGE_ROUTING,
        status=204,
        edits=True,
    )
    def delete(self, asked: Asked, name: str) -> None:
        row = _own(asked, name)
        if is_default(asked.tenant, name):
            raise Conflict(f"{name} is a default: choose another one there first.")
        row.delete()
        audit.note(asked.request, asked.tenant, "strategy.removed", name)


def _own(asked: Asked, name: str) -> TenantStrategy:
    row = asked.tenant.strategies.filter(name=name).first()
    if row is None:
        raise NotFound("There is no such strategy of yours.")
    return row  # type: ignore[no-any-return]


def told(settings: RoutingSettings) -> RoutingTold:
    return RoutingTold(**msgspec.structs.asdict(settings))


def change_told(entry: AuditEntry) -> RoutingChanged:
    about = {name: entry.details.get(name, {}) for name in ("before", "after")}
    return RoutingChanged(id=entry.pk, at=entry.at, who=entry.who, what=entry.what, **about)


def strategy_told(row: TenantStrategy) -> StrategyTold:
    return StrategyTold(name=row.name, own=True, description="", parts=row.parts)
