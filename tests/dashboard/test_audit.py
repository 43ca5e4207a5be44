"""Who did what: written with the deed, read by admins, changed by nobody."""

import pytest
from django.db import DatabaseError, transaction
from django.test import RequestFactory
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_what_when_and_from_where(acme):
    acme.at("owner").post(reverse("key_make", args=[acme.slug]), {"name": "website", "scope": "all", "budget_period": "month"})
    entry = acme.tenant.audit_entries.get()
    assert (entry.who, entry.what, entry.address, entry.agent) == ("owner@example.com", "key.created", "127.0.0.1", "a test")
    page = acme.at("admin").get(f"{acme.root}/audit").content.decode()
    assert "made the key" in page and "website" in page and "127.0.0.1" in page


def test_no_entry_holds_a_secret(acme):
    page = acme.at("owner").post(reverse("key_make", args=[acme.slug]), {"name": "website", "scope": "all"}).content.decode()
    token = page.split('id="token">')[1].split("<")[0]
    assert token.startswith("rp_live_") and token not in str(list(AuditEntry.objects.values()))


def test_entries_are_never_changed(acme):
    audit.note_of(None, RequestFactory().get("/"), acme.tenant, "tenant.changed")
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.update(who="somebody else")
    assert AuditEntry.objects.get().who == "somebody"


def test_only_what_is_asked_for_is_shown(acme):
    request = RequestFactory().get("/")
    for what, subject in (("key.created", "first"), ("budget.set", "second")):
        audit.note_of(acme.people["owner"], request, acme.tenant, what, subject)
    page = acme.at("owner").get(f"{acme.root}/audit?what=budget.set&who=OWNER").content.decode()
    assert "second" in page and "first" not in page
    assert "Nothing like that yet" in acme.at("owner").get(f"{acme.root}/audit?who=nobody").content.decode()


@pytest.mark.parametrize(("trusted", "expected"), [(True, "203.0.113.7"), (False, "127.0.0.1")])
def test_an_address_is_believed_of_a_trusted_proxy_only(acme, settings, trusted, expected):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusted else None
    request = RequestFactory().get("/", headers={"x-forwarded-for": "198.51.100.1, 203.0.113.7"})
    assert audit.note_of(None, request, acme.tenant, "tenant.changed").address == expected
