"""From when on are all of a tenant's requests there? What is older is being deleted, or is gone: nothing is summed from it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from gateway.models import Horizon


def within(moment: str) -> Q:
    """For rows with a tenant: `moment` (a field) lies where all of that tenant's requests are there."""
    beyond = Horizon.objects.filter(tenant_id=OuterRef("tenant_id"), requests_since__gt=OuterRef(moment))
    return ~Q(Exists(beyond))


def beyond(moment: datetime) -> list[UUID]:
    """The tenants for which it does not."""
    return list(Horizon.objects.filter(requests_since__gt=moment).values_list("tenant_id", flat=True))


def move(tenant_id: UUID, since: datetime) -> None:
    """Never back: what is gone stays gone."""
    horizon, _ = Horizon.objects.get_or_create(tenant_id=tenant_id, defaults={"requests_since": since})
    Horizon.objects.filter(pk=horizon.pk, requests_since__lt=since).update(requests_since=since)
