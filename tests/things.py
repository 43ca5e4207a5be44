"""A workspace with something of each kind in it, to be named in an address."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.utils import timezone

PARTS = {"quality": 1.0, "cost": 0.08}


def something_of_each(tenant: Any, owner: Any, member: Any, api_key: Any) -> SimpleNamespace:
    """Named as the parameters of paths are; `management_key_id` and `plan` where a path's own name means another thing."""
    from accounts.keys import create_key
    from accounts.management_keys import create
    from accounts.models import AuditEntry, Budget, Limit, ManagementKey, Plan
    from gateway.models import RequestLog
    from routing.models import TenantStrategy

    row, _ = create_key(tenant, "spare", created_by=owner)
    hook, message = _delivery(tenant)
    change = AuditEntry.objects.create(tenant=tenant, who="x", what="routing.changed", details={"before": {}, "after": {}})
    request = RequestLog.objects.create(
        request_id=f"req_{tenant.slug}"[:30],
        tenant=tenant,
        api_key=api_key,
        received_at=timezone.now(),
        status="ok",
        http_status=200,
    )
    spare, _ = create(tenant, owner, "spare", role="viewer", scopes=["usage:read"])
    return SimpleNamespace(
        key_id=row.pk,
        member_id=tenant.memberships.get(user=member).pk,
        invitation_id=tenant.invitations.create(email="new@example.com", digest=f"{tenant.pk.hex:0>64}").pk,
        budget_id=Budget.objects.create(tenant=tenant, period="day", amount=5).pk,
        limit_id=Limit.objects.create(tenant=tenant, requests_per_minute=600_000).pk,
        change_id=change.pk,
        name=TenantStrategy.objects.create(tenant=tenant, name="own", parts=PARTS).name,
        provider="openai",
        request_id=request.request_id,
        webhook_id=hook.pk,
        delivery_id=message.pk,
        model_id="alpha/alpha-1",
        version=1,
        other=1,
        trial=1,
        key=row.pk,
        management_key_id=ManagementKey.objects.get(pk=spare.pk).pk,
        plan=Plan.objects.get_or_create(name="basic")[0].name,
    )


def _delivery(tenant: Any) -> tuple[Any, Any]:
    """A webhook, and a message of it that was given up."""
    from accounts import hooks
    from accounts.models import Message

    hook, _ = hooks.make(tenant, "http://127.0.0.1:9/hook", [])
    message = hooks.ping(hook)
    Message.objects.filter(pk=message.pk).update(state="given_up")
    return hook, message


def learned(tenant: Any) -> SimpleNamespace:
    """Two versions of what was learned, and a strategy that is on trial."""
    from learning.beliefs import Beliefs
    from learning.models import StrategyTrial, TenantLearning
    from learning.publishing import made_of, publish
    from routing.models import TenantStrategy

    state, beliefs = TenantLearning.objects.create(tenant=tenant), Beliefs()
    versions = [publish(state, beliefs, made_of(state, beliefs), reason="for a test") for _ in range(2)]
    state.save()
    TenantStrategy.objects.create(tenant=tenant, name="tried", parts=PARTS)
    trial = StrategyTrial.objects.create(tenant=tenant, strategy="tried", parts={**PARTS, "cost": 0.1})
    return SimpleNamespace(version=versions[0], other=versions[1], trial=trial.pk)
