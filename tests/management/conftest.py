"""Programs that manage: management keys of people in each role, over HTTP."""

import httpx
import pytest

from accounts.management_keys import create
from accounts.models import Membership
from accounts.scopes import PLATFORM_SCOPES, TENANT_SCOPES
from gateway import managers
from tests.factories import UserFactory
from tests.things import something_of_each


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
    found = something_of_each(people.tenant, people.owner, people.member, people.row)
    found.slug = people.elsewhere.slug
    return found
