"""What a tenant has set of its routing, as one value: read, changed as a whole, put back as it was."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from django.core.exceptions import ValidationError
from msgspec import Meta, Struct

from accounts import access, audit
from routing.models import RoutingRules
from routing.snapshot import catalog
from routing.strategies import STRATEGIES

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from accounts.models import AuditEntry, Membership, Tenant

Price = Annotated[float, Meta(ge=0, le=1_000_000)]


class RoutingSettings(Struct, frozen=True, kw_only=True):
    """`strategy`: a name, or empty for `auto`; prices are USD a million tokens."""

    strategy: str = ""
    tradeoff: Annotated[float, Meta(ge=0, le=10)] | None = None
    draws: bool = True
    premium: bool = True
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    regions: Sequence[str] = ()
    max_input_usd_per_mtok: Price | None = None
    max_output_usd_per_mtok: Price | None = None
    max_fallbacks: Annotated[int, Meta(ge=0, le=2)] | None = None


_OF_RULES = tuple(name for name in RoutingSettings.__struct_fields__ if name != "strategy")


def check_strategy(tenant: Tenant, name: str) -> None:
    """One of ours, or of the tenant's own; empty: whatever is the default. Raises ValidationError."""
    if name and name not in STRATEGIES and not tenant.strategies.filter(name=name).exists():
        raise ValidationError(f"There is no strategy {name!r}.")


def check_names(names: Sequence[str]) -> None:
    """Providers and models, as the catalogue has them. Raises ValidationError."""
    known = catalog()
    for name in names:
        if name not in known.providers and name not in known.models:
            raise ValidationError(f"{name} is neither a provider nor a model here. A model is written provider/name.")


def settings_of(tenant: Tenant) -> RoutingSettings:
    rules = RoutingRules.objects.filter(tenant=tenant).first() or RoutingRules(tenant=tenant)
    found = {name: getattr(rules, name) for name in _OF_RULES}
    prices = {name: float(value) for name, value in found.items() if isinstance(value, Decimal)}
    return msgspec.convert({**found, **prices, "strategy": tenant.default_strategy}, RoutingSettings)


CHANGED, UNDONE = "routing.changed", "routing.undone"


def changes_of(member: Membership) -> QuerySet[AuditEntry]:
    """What was changed of it, newest first: the entries hold how it was before, and after."""
    return access.audit_of(member).filter(what__in=(CHANGED, UNDONE), details__has_key="before")


def change(request: HttpRequest, tenant: Tenant, wanted: RoutingSettings) -> None:
    """In a transaction, and written down. Raises ValidationError."""
    before = settings_of(tenant)
    put(tenant, wanted)
    if before != wanted:
        audit.note(request, tenant, CHANGED, "", before=msgspec.to_builtins(before), after=msgspec.to_builtins(wanted))


def undo(request: HttpRequest, tenant: Tenant, entry: AuditEntry) -> None:
    """As it was before that change, whatever came since. In a transaction."""
    before = settings_of(tenant)
    put(tenant, msgspec.convert(entry.details["before"], RoutingSettings))
    plain = {"before": msgspec.to_builtins(before), "after": msgspec.to_builtins(settings_of(tenant))}
    audit.note(request, tenant, UNDONE, f"of {entry.at:%Y-%m-%d %H:%M} UTC", **plain)


def is_default(tenant: Tenant, strategy: str) -> bool:
    """Whether something of the tenant's is routed by it unless said otherwise."""
    return tenant.default_strategy == strategy or tenant.api_keys.filter(default_strategy=strategy, revoked_at=None).exists()


def put(tenant: Tenant, wanted: RoutingSettings) -> None:
    """In a transaction. Raises ValidationError. Gateways know within seconds: they watch both rows."""
    rules, _ = RoutingRules.objects.get_or_create(tenant=tenant)
    for name in _OF_RULES:
        value = getattr(wanted, name)
        is_price = name.endswith("_per_mtok") and value is not None
        setattr(rules, name, Decimal(str(value)) if is_price else list(value) if isinstance(value, list | tuple) else value)
    rules.full_clean()
    rules.save()
    tenant.default_strategy = wanted.strategy
    tenant.save(update_fields=["default_strategy", "changed_at"])
