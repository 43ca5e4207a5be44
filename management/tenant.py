"""The tenant itself: its name, time zone, what it keeps; who did what; everything as a file; and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from msgspec import UNSET, Meta, Struct, UnsetType

from accounts import access, audit
from accounts.models import AuditEntry, Tenant
from accounts.roles import Action
from gateway.errors import InvalidValue
from gateway.export import lines
from gateway.operations import Asked, Listed, Operations, operation
from gateway.retention import forget_tenant
from management.changing import checked, put_on
from management.fields import Name, Text, Time
from management.paging import Cursor, Limit, page_of

AT_ONCE_S = 5.0  # spent on deleting before it is answered


class TenantTold(Struct, kw_only=True):
    """`keep_contents_days`: 0 where prompts and answers are not kept at all."""

    id: UUID
    slug: str
    name: str
    time_zone: str
    keep_requests_days: int
    keep_contents_days: int
    plan: str | None
    created_at: Time


class TenantChange(Struct, kw_only=True, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    time_zone: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    keep_requests_days: Annotated[int, Meta(ge=1, le=3650)] | UnsetType = UNSET
    keep_contents_days: Annotated[int, Meta(ge=0, le=3650)] | UnsetType = UNSET


class Farewell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name`: the tenant's, to be sure."""

    name: Text = ""


class AuditWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`what`: such as key.created."""

    limit: Limit = 50
    after: Cursor = ""
    what: Text = ""
    who: Text = ""


class Deed(Struct, kw_only=True):
    """Who did what, when, from where."""

    id: int
    at: Time
    who: str
    what: str
    subject: str
    details: Mapping[str, Any]
    address: str | None
    agent: str


class OneTenant(Operations):
    @operation("get_tenant", "The tenant's settings", scope="tenant:read", answer=TenantTold)
    def get(self, asked: Asked) -> TenantTold:
        return told(asked.tenant)

    @operation(
        "change_tenant",
        "Change the tenant's settings",
        scope="tenant:write",
        needs=Action.MANAGE_TENANT,
        body=TenantChange,
        answer=TenantTold,
        edits=True,
    )
    def patch(self, asked: Asked) -> TenantTold:
        row = Tenant.objects.select_related("plan").get(pk=asked.tenant.pk)
        changed = put_on(row, asked.body)
        with checked():
            row.full_clean()
        if changed:
            row.save()
            audit.note(asked.request, row, "tenant.changed", row.name, **changed)
        return told(row)

    @operation(
        "delete_tenant",
        "Delete the tenant and all that is its",
        description="Nobody gets in any more at once; what takes longer to delete goes soon. There is no way back.",
        scope="tenant:write",
        needs=Action.MANAGE_TENANT,
        query=Farewell,
        status=204,
        atomic=False,
    )
    def delete(self, asked: Asked) -> None:
        if asked.query.name.strip() != asked.tenant.name.strip():
            raise InvalidValue("Say ?name= with the tenant's own name, to be sure. Nothing was deleted.", param="name")
        forget_tenant(asked.tenant.pk, run_s=AT_ONCE_S)


class Export(Operations):
    @operation(
        "export_tenant",
        "Everything that is here of the tenant, as lines of JSON",
        scope="tenant:write",
        needs=Action.MANAGE_TENANT,
        media_type="application/jsonl",
        atomic=False,
    )
    def post(self, asked: Asked) -> HttpResponse:
        audit.note(asked.request, asked.tenant, "tenant.exported", asked.tenant.name)
        return StreamingHttpResponse(lines(asked.tenant), content_type="application/jsonl")  # type: ignore[return-value]


class Audit(Operations):
    @operation(
        "list_audit",
        "Who did what, newest first",
        scope="audit:read",
        needs=Action.READ_AUDIT,
        query=AuditWanted,
        answer=Deed,
        listed=True,
    )
    def get(self, asked: Asked) -> Listed:
        said = {name: getattr(asked.query, name) for name in ("what", "who") if getattr(asked.query, name)}
        return page_of(access.audit_of(asked.of).filter(**said), asked.query, deed, by="at")


def told(row: Tenant) -> TenantTold:
    same = ("id", "slug", "name", "time_zone", "keep_requests_days", "keep_contents_days", "created_at")
    return TenantTold(**{name: getattr(row, name) for name in same}, plan=row.plan.name if row.plan else None)


def deed(row: AuditEntry) -> Deed:
    return Deed(
        **{name: getattr(row, name) for name in ("at", "who", "what", "subject", "details", "address", "agent")}, id=row.pk
    )
