"""Every page and all below it, from the one table: open to the roles that may, shut to the others, not there for strangers."""

import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.ids import request_id
from accounts.models import AuditEntry
from accounts.roles import LEAST, ROLES, Action, may
from dashboard.pages import PAGES
from gateway.models import RequestLog
from routing.models import TenantStrategy
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

READ = (
    "start_first",
    "key",
    "key_make",
    "management_keys",
    "management_key_make",
    "webhook_make",
    "overview_measured",
    "request",
    "routing_what_if",
)
ROUTES = [(page.name, page.needs, "get") for page in PAGES] + [
    (step.name, step.needs, "get" if step.name in READ else "post") for page in PAGES for step in page.steps
]
NEEDS_ONE = {name for page in PAGES for name, path in [(s.name, s.path) for s in page.steps] if "<" in path}


def made(name, acme, role):
    """Something of the workspace's for this path to be about; its primary key."""
    from accounts.invitations import invite
    from accounts.keys import create_key
    from accounts.management_keys import create as create_management_key
    from accounts.models import Budget, Credential, Membership, Message, Webhook

    tenant, kind = acme.tenant, name.partition("_")[0]
    if kind == "request":
        key, about = create_key(tenant, "any")[0], {"status": "ok", "http_status": 200, "received_at": timezone.now()}
        return RequestLog.objects.create(request_id=request_id(), tenant=tenant, api_key=key, **about).request_id
    if kind == "learning":
        return 1 if name != "learning_trust" else "some-key"
    if name == "routing_undo":
        entry = AuditEntry.objects.create(tenant=tenant, who="x", what="routing.changed", details={"before": {"strategy": ""}})
        return entry.pk
    if kind == "strategy":
        return TenantStrategy.objects.get_or_create(tenant=tenant, name="ours")[0].name
    if kind == "management":
        scopes = ["usage:read"]
        return create_management_key(tenant, acme.people[role], "theirs", role="viewer", scopes=scopes)[0].pk
    if kind == "key":
        return create_key(tenant, "theirs", created_by=acme.people[role])[0].pk
    if kind == "budget":
        Budget.objects.filter(tenant=tenant).delete()
        return Budget.objects.create(tenant=tenant, amount=1, period="day").pk
    if kind == "credential":
        Credential.objects.filter(tenant=tenant).delete()
        return Credential.objects.create(tenant=tenant, provider="openai", sealed_secret=b"").pk
    if kind == "invitation":
        return invite(acme.member("owner"), f"{uuid.uuid4()}@example.com", "viewer")[0].pk
    if name == "member_remove":
        return acme.member(role).pk  # oneself: everybody may leave
    if kind == "member":
        return Membership.objects.create(tenant=tenant, user=UserFactory(), role="viewer").pk
    hook = Webhook.objects.create(tenant=tenant, url="http://127.0.0.1:9/hook", sealed_secret=b"")
    if name == "webhook_again":
        return Message.objects.create(
            tenant=tenant, event="e", kind="webhook", webhook=hook, to="t", payload={}, state="given_up"
        ).pk
    return hook.pk


def url_of(name, acme, role="owner"):
    return reverse(name, args=[acme.slug, *([made(name, acme, role)] if name in NEEDS_ONE else [])])


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_the_table_says(acme, role):
    for name, needs, method in ROUTES:
        if name == "workspace_export" and may(role, needs):
            continue  # tests/dashboard/test_settings_of_a_workspace.py: it streams
        url, client = url_of(name, acme, role), acme.at(role)
        status = getattr(client, method)(url, {"role": "viewer"}).status_code
        if name == "member_remove" and role != "owner":
            from accounts.models import Membership

            Membership.objects.create(tenant=acme.tenant, user=acme.people[role], role=role)
        expected = (200, 302) if may(role, needs) else (403,)
        assert status in expected, (name, role, status)


def test_for_a_stranger_there_is_no_such_page(acme):
    client = acme.at("stranger")
    for name, _, method in ROUTES:
        answer = getattr(client, method)(url_of(name, acme))
        assert answer.status_code == 404, name
        assert b"Acme" not in answer.content


def test_a_visitor_is_asked_to_sign_in(acme, client):
    for name, _, method in ROUTES:
        answer = getattr(client, method)(url_of(name, acme))
        assert answer.status_code == 302 and answer.url.startswith("/sign-in?next="), name


def test_nothing_of_one_workspace_is_reached_through_another(acme):
    """Charlie owns a workspace: with its address and Acme's rows he finds nothing."""
    client, own = acme.at("stranger"), acme.stranger.memberships.get().tenant.slug
    for name, _, method in ROUTES:
        if name in NEEDS_ONE and not name.startswith("learning_"):  # those name a version of one's own
            url = url_of(name, acme).replace(acme.slug, own)
            assert getattr(client, method)(url, {"role": "viewer"}).status_code == 404, name


def test_what_changes_something_is_no_link(acme):
    for name, _, method in ROUTES:
        if method == "post" and name != "start_key":
            assert acme.at("owner").get(url_of(name, acme)).status_code == 405, name


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_shows_what_the_role_may_open(acme, role):
    page = acme.at(role).get(f"{acme.root}/start").content.decode()
    for entry in PAGES:
        assert (f'href="{reverse(entry.name, args=[acme.slug])}"' in page) == may(role, entry.needs), entry.name


def test_every_action_has_a_least_role_and_higher_roles_may_more():
    assert set(LEAST) == set(Action)
    for action in Action:
        allowed = [may(role, action) for role in ROLES]
        assert allowed == sorted(allowed) and allowed[-1]


def test_a_member_looks_after_their_own_keys_only(acme):
    from accounts.keys import create_key

    theirs, _ = create_key(acme.tenant, "the admin's", created_by=acme.people["admin"])
    for what in ("change", "rotate", "revoke"):
        url = reverse(f"key_{what}", args=[acme.slug, theirs.pk])
        assert acme.at("member").post(url, {"name": "mine", "scope": "all", "overlap": "0"}).status_code == 403
    theirs.refresh_from_db()
    assert theirs.name == "the admin's" and theirs.revoked_at is None


def test_an_admin_makes_no_owner_and_unmakes_none(acme):
    admin, owner = acme.at("admin"), acme.member("owner")
    assert admin.post(reverse("member_role", args=[acme.slug, owner.pk]), {"role": "viewer"}).status_code == 403
    assert admin.post(reverse("member_remove", args=[acme.slug, owner.pk])).status_code == 403
    viewer = acme.member("viewer")
    assert admin.post(reverse("member_role", args=[acme.slug, viewer.pk]), {"role": "owner"}).status_code == 403
    answer = admin.post(reverse("member_invite", args=[acme.slug]), {"email": "new@example.com", "role": "owner"})
    assert answer.status_code == 200 and not acme.tenant.invitations.exists()


def test_the_last_owner_stays(acme):
    owner = acme.member("owner")
    acme.at("owner").post(reverse("member_remove", args=[acme.slug, owner.pk]))
    acme.at("owner").post(reverse("member_role", args=[acme.slug, owner.pk]), {"role": "viewer"})
    assert acme.member("owner").role == "owner"
