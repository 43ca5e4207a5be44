"""Programs that manage: management keys of people in each role, over HTTP."""

from types import SimpleNamespace

import httpx
import pytest

from accounts.management_keys import create
from accounts.models import Membership
from accounts.scopes import PLATFORM_SCOPES, TENANT_SCOPES
from gateway import managers
from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def unlimited():
    managers.forget()


@pytest.fixture
def people(acme):
    """One of each role, an operator, and a stranger who owns another tenant."""
    from accounts.tenants import found

    for role in ("viewer", "admin"):
        user = UserFactory(email=f"{role}@example.com")
        Membership.objects.create(tenant=acme.tenant, user=user, role=role)
        setattr(acme, role, user)
    acme.owner, acme.member = acme.alice, acme.bob
    acme.operator = UserFactory(email="operator@example.com", is_staff=True)
    acme.elsewhere = found("Elsewhere", acme.charlie).tenant
    return acme


@pytest.fixture
def client(server):
    """Of whoever has this key."""
    opened = []

    def made(key, **headers):
        one = httpx.Client(base_url=f"{server}/api/v1", headers={"authorization": f"Bearer {key}", **headers}, timeout=30)
        opened.append(one)
        return one

    yield made
    for one in opened:
        one.close()


@pytest.fixture
def as_role(people, client):
    """A client with a management key of the person in this role, with all scopes or those that are said."""

    def made(role, scopes=None):
        user = getattr(people, role)
        if role == "operator":
            _, key = create(None, user, "operator's", role="", scopes=scopes or PLATFORM_SCOPES)
        else:
            _, key = create(people.tenant, user, f"{role}'s", role=role, scopes=scopes or TENANT_SCOPES)
        return client(key)

    return made


@pytest.fixture
def owner(as_role):
    return as_role("owner")


@pytest.fixture
def operator(as_role):
    return as_role("operator")


@pytest.fixture
def things(people):
    """Something of each kind, to be named in an address."""
    from django.utils import timezone

    from accounts import audit, hooks
    from accounts.keys import create_key
    from accounts.models import AuditEntry, Budget, Limit, ManagementKey, Message, Plan
    from gateway.models import RequestLog
    from routing.models import TenantStrategy

    tenant = people.tenant
    row, _ = create_key(tenant, "spare", created_by=people.owner)
    hook, _ = hooks.make(tenant, "http://127.0.0.1:9/hook", [])
    message = hooks.ping(hook)
    Message.objects.filter(pk=message.pk).update(state="given_up")
    change = AuditEntry.objects.create(tenant=tenant, who="x", what="routing.changed", details={"before": {}, "after": {}})
    assert change.what in audit.WHAT
    request = RequestLog.objects.create(
        request_id="req_things", tenant=tenant, api_key=people.row, received_at=timezone.now(), status="ok", http_status=200
    )
    spare, _ = create(tenant, people.owner, "spare", role="viewer", scopes=["usage:read"])
    return SimpleNamespace(
        key_id=row.pk,
        member_id=tenant.memberships.get(user=people.member).pk,
        invitation_id=tenant.invitations.create(email="new@example.com", digest="0" * 64).pk,
        budget_id=Budget.objects.create(tenant=tenant, period="day", amount=5).pk,
        limit_id=Limit.objects.create(tenant=tenant, requests_per_minute=600_000).pk,
        change_id=change.pk,
        name=TenantStrategy.objects.create(tenant=tenant, name="own").name,
        provider="openai",
        request_id=request.request_id,
        webhook_id=hook.pk,
        delivery_id=message.pk,
        slug=people.elsewhere.slug,
        model_id="alpha/alpha-1",
        version=1,
        other=1,
        trial=1,
        key=row.pk,
        management_key_id=ManagementKey.objects.get(pk=spare.pk).pk,
        plan=Plan.objects.create(name="basic").name,
    )
