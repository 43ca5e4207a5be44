"""What is deleted when? By Celery, in batches: each is one short statement that finds its rows by an index.

    Idempotency-Keys        24 hours after their first request
    prompts and answers     after the tenant's keep_contents_days; at once where it keeps none (any more)
    requests                after the tenant's keep_requests_days, whole days of its time zone
    the ledger, its sums    never

Each run may be killed anywhere, run beside another and be behind: the next one goes on.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import CASCADE, ForeignObjectRel, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import ApiKey, Budget, Tenant
from gateway import horizons
from gateway.models import Creation, IdempotentAnswer, KeptContent, RequestLog
from gateway.rollups import midnight

BATCH = 2000  # rows
PAUSE_S = 0.02  # between batches: others write, too
BOOKS = (ApiKey, Budget)  # what ledger and windows name
RUN_S = 120.0  # then the next run goes on; below CELERY_TASK_TIME_LIMIT

log = logging.getLogger("routeplex.retention")


def delete_expired(now: datetime | None = None, run_s: float = RUN_S) -> int:
    """How many rows were deleted."""
    now, until = now or timezone.now(), time.monotonic() + run_s
    deleted = in_batches(IdempotentAnswer.objects.filter(expires_at__lte=Now()).order_by("expires_at"), until)
    deleted += in_batches(Creation.objects.filter(expires_at__lte=Now()).order_by("expires_at"), until)
    tenants = list(Tenant.objects.all())
    random.shuffle(tenants)  # where the time is over before all had their turn, it is not always the same ones
    for tenant in tenants:
        try:
            deleted += _contents(tenant, now, until) + _requests(tenant, now, until)
        except (ValueError, ZoneInfoNotFoundError):
            log.exception("tenant %s cannot be looked after", tenant.pk)  # the others must be
    return deleted


def in_batches(rows: QuerySet, until: float) -> int:
    """Deletes `rows` in their order, until none is left or that time (monotonic seconds) has come."""
    total = 0
    while time.monotonic() < until:
        some = rows.values("pk")[:BATCH]
        deleted, _ = rows.model._default_manager.filter(pk__in=some).delete()
        total += deleted
        if deleted < BATCH:
            break
        time.sleep(PAUSE_S)
    return total


def _contents(tenant: Tenant, now: datetime, until: float) -> int:
    rows = KeptContent.objects.filter(tenant=tenant).order_by("received_at")
    if tenant.keep_contents_days:
        rows = rows.filter(received_at__lt=now - timedelta(days=tenant.keep_contents_days))
    return in_batches(rows, until)


def _requests(tenant: Tenant, now: datetime, until: float) -> int:
    """First the horizon moves: sums are not made anew from half a day."""
    zone = ZoneInfo(tenant.time_zone)
    since = midnight((now - timedelta(days=tenant.keep_requests_days)).astimezone(zone).date(), zone)
    rows = RequestLog.objects.filter(tenant=tenant, received_at__lt=since).order_by("received_at")
    if not rows.exists():
        return 0
    horizons.move(tenant.pk, since)
    return in_batches(rows, until)


# --- a tenant that leaves


def forget_tenant(tenant_id: str | UUID, run_s: float = RUN_S) -> bool:
    """Closes a tenant for good and deletes what is there of it; whether all of it is gone (else: again). Raises
    Tenant.DoesNotExist. What stays are the books, under a tenant without a name: ledger and sums, and the keys that they
    name, revoked. What was still on its way when it was closed goes with delete_expired."""
    tenant = _closed(tenant_id)
    until = time.monotonic() + run_s
    for model in (KeptContent, IdempotentAnswer, RequestLog):
        in_batches(model._default_manager.filter(tenant=tenant).order_by("pk"), until)
    return time.monotonic() < until


@transaction.atomic
def _closed(tenant_id: str | UUID) -> Tenant:
    tenant = Tenant.objects.select_for_update().get(pk=tenant_id)
    now = timezone.now()
    tenant.name, tenant.is_active, tenant.default_strategy = "(deleted)", False, ""
    tenant.keep_contents_days, tenant.keep_requests_days = 0, 1
    tenant.save()
    horizons.move(tenant.pk, now)
    for key in tenant.api_keys.all():
        key.revoke(now)
    tenant.api_keys.update(name="(deleted)", created_by=None)
    tenant.budgets.filter(ended_at=None).update(ended_at=now)
    _delete_what_it_owns(tenant)
    return tenant


def _delete_what_it_owns(tenant: Tenant) -> None:
    """Whatever goes with a tenant, of apps that nobody here knows, too; not the books."""
    for related in Tenant._meta.get_fields(include_hidden=True):
        if isinstance(related, ForeignObjectRel) and related.on_delete is CASCADE and related.related_model not in BOOKS:
            related.related_model._default_manager.filter(**{related.field.name: tenant}).delete()
