"""What a person sees first: what this is, the way in, their workspaces, light or dark."""

import pytest
from django.utils import timezone

from gateway.models import RequestLog

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def row(acme):
    from accounts.keys import create_key

    key, _ = create_key(acme.tenant, "production")
    return RequestLog.objects.create(
        request_id="req_1", tenant=acme.tenant, api_key=key, received_at=timezone.now(), status="ok", http_status=200,
        requested_model="routeplex-ai", model="openai/gpt-4o", attempts=[{}, {}],
    )  # fmt: skip


def test_a_visitor_is_told_what_this_is(client):
    page = client.get("/")
    assert page.status_code == 200
    assert b"One endpoint, every model." in page.content


def test_a_person_signs_in_and_sees_the_workspace_s_requests(client, acme, row):
    page = client.post("/sign-in", {"login": "owner@example.com", "password": PASSWORD}, follow=True)
    assert page.redirect_chain == [("/", 302), (f"{acme.root}", 302), (f"{acme.root}/requests", 302)]
    assert b"req_1" in page.content and b"openai/gpt-4o" in page.content and b"2 attempts" in page.content


def test_where_nothing_was_asked_yet_one_starts(acme):
    assert acme.at("viewer").get(acme.root).url == f"{acme.root}/start"


def test_a_wrong_password(client, acme):
    page = client.post("/sign-in", {"login": "owner@example.com", "password": "wrong"})
    assert page.status_code == 200
    assert b'role="alert"' in page.content


def test_who_has_several_workspaces_comes_back_to_the_last_one(acme):
    from accounts.tenants import found

    other = found("Zebra", acme.people["member"]).tenant
    client = acme.at("member")
    assert client.get("/").url == acme.root
    client.get(f"/t/{other.slug}")
    assert client.get("/").url == f"/t/{other.slug}"
    page = client.get(f"/t/{other.slug}/start").content
    assert b"Acme" in page and b"Zebra" in page


def test_a_workspace_of_one_s_own(acme, settings):
    client = acme.at("viewer")
    answer = client.post("/new", {"name": "Mine"})
    member = acme.people["viewer"].memberships.get(tenant__name="Mine")
    assert answer.url == f"/t/{member.tenant.slug}" and member.role == "owner"
    assert member.tenant.audit_entries.get().what == "tenant.created"
    settings.SIGN_UP = "invited"
    assert "You belong to no workspace yet" in client.post("/new", {"name": "Another"}).content.decode()
    assert not acme.people["viewer"].memberships.filter(tenant__name="Another").exists()


def test_a_tenant_that_is_closed_is_not_there(acme):
    acme.tenant.is_active = False
    acme.tenant.save()
    assert acme.at("owner").get(f"{acme.root}/start").status_code == 404


def test_light_and_dark_are_chosen_and_kept(client):
    assert b"data-theme" not in client.get("/").content
    client.post("/theme", {"theme": "dark"})
    assert b'data-theme="dark"' in client.get("/").content
    client.post("/theme", {"theme": ""})
    assert b"data-theme" not in client.get("/").content


def test_choosing_a_theme_leads_nowhere_else(client):
    assert client.post("/theme", {"theme": "dark"}, headers={"referer": "https://evil.example/x"}).url == "/"
    assert client.post("/theme", {"theme": "dark"}, headers={"referer": "http://testserver/sign-in"}).url.endswith("/sign-in")


def test_no_page_loads_anything_from_elsewhere(client, acme):
    for browser, path in ((client, "/"), (client, "/sign-in"), (acme.at("owner"), f"{acme.root}/members")):
        answer = browser.get(path)
        assert b'src="http' not in answer.content and b'href="http' not in answer.content
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_the_operator_s_admin_asks_for_staff(acme):
    owner = acme.people["owner"]
    assert acme.at("owner").get("/admin/").status_code == 302
    owner.is_staff = owner.is_superuser = True
    owner.save()
    for path in ("accounts/apikey", "gateway/requestlog"):
        assert acme.at("owner").get(f"/admin/{path}/").status_code == 200
