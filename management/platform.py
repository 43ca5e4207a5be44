"""For operators: tenants and plans, and the platform's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from msgspec import UNSET, Meta, Struct, UnsetType

from accounts import audit
from accounts.models import OperatorEntry, Plan, Tenant, User
from accounts.plans import put_on as put_on_plan
from accounts.tenants import found
from gateway import platform
from gateway.errors import Conflict, InvalidValue, NotFound
from gateway.operations import Asked, Listed, Operations, operation
from management.changing import checked, said
from management.fields import Amount, Count, Email, Name, Text, Time, exact, plain
from management.paging import Cursor, Limit, Paging, page_of
from management.tenant import Deed

HOUR = timedelta(hours=1)
Percent = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,2})?$")] | Annotated[float, Meta(ge=0, le=9999)]
PlanName = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$")]


class TenantSeen(Struct, kw_only=True):
    """`markup_percent`: None for the plan's."""

    id: UUID
    slug: str
    name: str
    is_active: bool
    plan: str | None
    markup_percent: str | None
    created_at: Time


class NewTenant(Struct, kw_only=True, forbid_unknown_fields=True):
    """`owner`: the address of somebody who has signed up."""

    name: Name
    owner: Email
    plan: PlanName | None = None


class TenantPatch(Struct, kw_only=True, forbid_unknown_fields=True):
    """A tenant that is not active is shut out: its keys are refused, nobody opens its pages, nothing is deleted."""

    is_active: bool | UnsetType = UNSET
    plan: PlanName | UnsetType | None = UNSET
    markup_percent: Percent | UnsetType | None = UNSET


class TenantsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`q`: a part of a name, a slug, or a part of a member's address."""

    limit: Limit = 50
    after: Cursor = ""
    q: Text = ""


class PlanTold(Struct, kw_only=True):
    """`month_usd`: the budget that a tenant gets when it is put on this plan."""

    name: str
    markup_percent: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    running: int | None
    month_usd: str | None


class PlanWanted(Struct, kw_only=True, forbid_unknown_fields=True):
    markup_percent: Percent = "0"
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    running: Count | None = None
    month_usd: Amount | None = None


class TrafficWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Half open, in whole hours; the last day where it is not said."""

    since: Time | None = None
    until: Time | None = None


class TrafficTold(Struct, kw_only=True):
    requests: int
    failures: int
    fallbacks: int
    input_tokens: int
    output_tokens: int
    cost_usd: str


class OfProvider(TrafficTold, kw_only=True):
    """Empty: nobody answered."""

    provider: str


class OfTenant(TrafficTold, kw_only=True):
    """`charged_usd`: with the markup, without what ran with keys of their own."""

    tenant: str
    charged_usd: str


class Overview(Struct, kw_only=True):
    since: Time
    until: Time
    total: TrafficTold
    providers: Sequence[OfProvider]
    tenants: Sequence[OfTenant]


class Tenants(Operations):
    @operation(
        "list_tenants", "Tenants, newest first", scope="platform:read", query=TenantsWanted, answer=TenantSeen, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        rows, wanted = Tenant.objects.select_related("plan"), asked.query.q
        if wanted:
            people = User.objects.filter(email__icontains=wanted).values("pk")
            rows = rows.filter(Q(name__icontains=wanted) | Q(slug=wanted) | Q(memberships__user__in=people)).distinct()
        return page_of(rows, asked.query, tenant_told)

    @operation(
        "create_tenant",
        "Make a tenant",
        scope="platform:write",
        body=NewTenant,
        answer=TenantSeen,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> TenantSeen:
        owner = User.objects.filter(email=asked.body.owner.lower()).first()
        if owner is None:
            raise InvalidValue("Nobody with this address has signed up.", param="owner")
        tenant = found(asked.body.name, owner).tenant
        if asked.body.plan is not None:
            put_on_plan(tenant, _plan(asked.body.plan, "plan"))
        audit.operated(asked.request, "tenant.created", tenant, owner=owner.email)
        return tenant_told(tenant)


class PlatformTenant(Operations):
    @operation("get_platform_tenant", "One tenant", scope="platform:read", answer=TenantSeen)
    def get(self, asked: Asked, slug: str) -> TenantSeen:
        return tenant_told(_tenant(slug))

    @operation(
        "change_platform_tenant",
        "Change a tenant's plan or markup, shut it out, let it in",
        scope="platform:write",
        body=TenantPatch,
        answer=TenantSeen,
        edits=True,
    )
    def patch(self, asked: Asked, slug: str) -> TenantSeen:
        tenant, wanted = _tenant(slug), said(asked.body)
        before = {"plan": str(tenant.plan or ""), "markup_percent": str(tenant.markup_percent or "")}
        if "markup_percent" in wanted:
            markup = wanted["markup_percent"]
            tenant.markup_percent = None if markup is None else _percent(markup)
        if "plan" in wanted:
            _move(tenant, wanted["plan"])
        was_active, tenant.is_active = tenant.is_active, wanted.get("is_active", tenant.is_active)
        tenant.save()
        after = {"plan": str(tenant.plan or ""), "markup_percent": str(tenant.markup_percent or "")}
        if changes := audit.changes(before, after):
            audit.operated(asked.request, "tenant.plan_changed", tenant, **changes)
        if was_active != tenant.is_active:
            audit.operated(asked.request, "tenant.opened" if tenant.is_active else "tenant.closed", tenant)
        return tenant_told(tenant)


def _move(tenant: Tenant, name: str | None) -> None:
    plan = None if name is None else _plan(name, "plan")
    if plan is not None and plan != tenant.plan:
        put_on_plan(tenant, plan)
    tenant.plan = plan


def _tenant(slug: str) -> Tenant:
    row = Tenant.objects.select_related("plan").filter(slug=slug).first()
    if row is None:
        raise NotFound("There is no such tenant.")
    return row


def _plan(name: str, param: str) -> Plan:
    row = Plan.objects.filter(name=name).first()
    if row is None:
        raise InvalidValue(f"There is no plan {name!r}.", param=param)
    return row


def _percent(value: str | float) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


class Plans(Operations):
    @operation("list_plans", "Plans", scope="platform:read", answer=PlanTold, listed=True)
    def get(self, asked: Asked) -> Listed:
        return Listed([plan_told(row) for row in Plan.objects.order_by("name")])


class OnePlan(Operations):
    @operation("get_plan", "One plan", scope="platform:read", answer=PlanTold)
    def get(self, asked: Asked, name: str) -> PlanTold:
        row = Plan.objects.filter(name=name).first()
        if row is None:
            raise NotFound("There is no such plan.")
        return plan_told(row)

    @operation("put_plan", "Make or change a plan", scope="platform:write", body=PlanWanted, answer=PlanTold)
    def put(self, asked: Asked, name: str) -> PlanTold:
        row, body = Plan.objects.filter(name=name).first() or Plan(name=name), asked.body
        changed = {"markup_percent": _percent(body.markup_percent)}
        amount = None if body.month_usd is None else exact(body.month_usd)
        row.markup_percent, row.month_usd = changed["markup_percent"], amount
        for size in ("requests_per_minute", "tokens_per_minute", "running"):
            setattr(row, size, getattr(body, size))
        with checked():
            row.full_clean()
        row.save()
        audit.operated(asked.request, "plan.saved", row)
        return plan_told(row)

    @operation("delete_plan", "Remove a plan that no tenant is on", scope="platform:write", status=204, edits=True)
    def delete(self, asked: Asked, name: str) -> None:
        row = Plan.objects.filter(name=name).first()
        if row is None:
            raise NotFound("There is no such plan.")
        if row.tenants.exists():
            raise Conflict("Tenants are on this plan: put them on another one first.")
        row.delete()
        audit.operated(asked.request, "plan.saved", name, removed=True)


class PlatformOverview(Operations):
    @operation(
        "get_platform_overview",
        "Traffic, and what providers cost, of all tenants together",
        scope="platform:read",
        query=TrafficWanted,
        answer=Overview,
    )
    def get(self, asked: Asked) -> Overview:
        since, until = _hours(asked.query)
        return Overview(
            since=since,
            until=until,
            total=TrafficTold(**_traffic(platform.traffic(since, until))),
            providers=[OfProvider(provider=n, **_traffic(t)) for n, t in platform.by_provider(since, until).items()],
            tenants=[
                OfTenant(tenant=one.tenant.slug, charged_usd=plain(one.charged_usd), **_traffic(one.traffic))
                for one in platform.by_tenant(since, until)
            ],
        )


class OperatorsDeeds(Operations):
    @operation(
        "list_operator_audit", "What operators did, newest first", scope="platform:read", query=Paging, answer=Deed, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        names = ("at", "who", "what", "subject", "details", "address", "agent")
        rows = OperatorEntry.objects.all()
        return page_of(rows, asked.query, lambda row: Deed(**{n: getattr(row, n) for n in names}, id=row.pk), by="at")


def _hours(wanted: TrafficWanted) -> tuple[datetime, datetime]:
    until = wanted.until or timezone.now() + HOUR
    since = wanted.since or timezone.now() - timedelta(days=1)
    if since.tzinfo is None or until.tzinfo is None:
        raise InvalidValue("Say in which time zone that is: 2026-12-31T00:00:00Z.", param="since")
    since, until = (at.replace(minute=0, second=0, microsecond=0) for at in (since, until))
    if not timedelta(0) < until - since <= timedelta(days=400):
        raise InvalidValue("A time of up to 400 days, from `since` to `until`.", param="since")
    return since, until


def _traffic(traffic: platform.Traffic) -> dict[str, Any]:
    counts = {name: getattr(traffic, name) for name in ("requests", "failures", "fallbacks", "input_tokens", "output_tokens")}
    return counts | {"cost_usd": plain(traffic.cost_usd)}


def tenant_told(row: Tenant) -> TenantSeen:
    same = {name: getattr(row, name) for name in ("id", "slug", "name", "is_active", "created_at")}
    markup = None if row.markup_percent is None else plain(row.markup_percent)
    return TenantSeen(**same, plan=row.plan.name if row.plan else None, markup_percent=markup)


def plan_told(row: Plan) -> PlanTold:
    same = {name: getattr(row, name) for name in ("name", "requests_per_minute", "tokens_per_minute", "running")}
    month = None if row.month_usd is None else plain(row.month_usd)
    return PlanTold(**same, markup_percent=plain(row.markup_percent), month_usd=month)
