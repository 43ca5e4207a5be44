"""A workspace with somebody in each role, and Charlie, a stranger with a workspace of his own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from accounts.roles import ROLES


@pytest.fixture(autouse=True)
def _mail_stays_here(settings: Any) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


@pytest.fixture
def acme(db: None) -> SimpleNamespace:
    from accounts.models import Membership
    from accounts.tenants import found, vouch_for
    from tests.factories import TenantFactory, UserFactory

    tenant = TenantFactory(name="Acme")
    people = {role: UserFactory(email=f"{role}@example.com") for role in ROLES}
    for role, person in people.items():
        Membership.objects.create(tenant=tenant, user=person, role=role)
    stranger = UserFactory(email="charlie@example.com")
    found("Charlie's", stranger)
    for person in (*people.values(), stranger):
        vouch_for(person)

    def at(who: str) -> Client:
        """A browser in which this person is signed in."""
        client = Client(headers={"user-agent": "a test"})
        client.force_login({**people, "stranger": stranger}[who], "allauth.account.auth_backends.AuthenticationBackend")
        return client

    def member(role: str) -> Membership:
        return tenant.memberships.get(user=people[role])

    return SimpleNamespace(
        tenant=tenant, slug=tenant.slug, people=people, stranger=stranger, at=at, member=member, root=f"/t/{tenant.slug}"
    )


@pytest.fixture
def openai_is_here(provider, server, monkeypatch):
    """The scripted provider answers for OpenAI."""
    from accounts import credentials

    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.url}/openai/v1")
    credentials.forget_all()
    yield provider
    monkeypatch.undo()
    credentials.forget_all()
