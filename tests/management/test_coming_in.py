"""Who comes in to the management API, and how far."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.management_keys import START, create, well_formed
from accounts.models import ManagementKey, Membership
from accounts.scopes import PLATFORM_SCOPES, TENANT_SCOPES, opens
from gateway import managers


def test_a_key_is_told_by_its_form_and_shown_once(people):
    row, key = create(people.tenant, people.owner, "ci", role="admin", scopes=["keys:read"])
    assert key.startswith(START) and well_formed(key) and not well_formed(key[:-1] + "x" * 1)
    assert key not in str(ManagementKey.objects.filter(pk=row.pk).values().get())


def test_it_says_who_it_is(owner, people):
    told = owner.get("/me").json()["data"]
    assert (told["email"], told["tenant"], told["role"]) == ("alice@example.com", "Acme", "owner")
    assert told["scopes"] == sorted(TENANT_SCOPES) and told["management_key"] == "owner's"
    assert ManagementKey.objects.get(name="owner's").last_used_at is not None


def test_a_calling_key_manages_nothing(client, acme):
    told = client(acme.key).get("/keys")
    assert (told.status_code, told.json()["code"]) == (403, "out_of_scope")
    assert "management key" in told.json()["detail"]


def test_a_management_key_asks_no_models(server, as_role):
    key = as_role("owner").headers["authorization"].removeprefix("Bearer ")
    import openai

    with (
        openai.OpenAI(api_key=key, base_url=f"{server}/v1", max_retries=0) as sdk,
        pytest.raises(openai.PermissionDeniedError) as e,
    ):
        sdk.chat.completions.create(model="alpha/alpha-1", messages=[{"role": "user", "content": "hi"}])
    assert "management key" in str(e.value)


def test_unless_it_was_allowed_to(as_role, people):
    body = {"messages": [{"role": "user", "content": "hi"}], "mode": "manual", "model": "openai/gpt-4o-mini"}
    path = f"/keys/{people.row.pk}/chat"
    assert as_role("owner", ["keys:write"]).post(path, json=body).status_code == 403
    assert as_role("owner", ["chat:write"]).post(path, json=body).status_code == 200


def test_and_on_the_account_of_its_own_tenant_only(as_role, people):
    """Its maker is a member elsewhere, too; the key is not."""
    from accounts.keys import create_key

    Membership.objects.create(tenant=people.elsewhere, user=people.owner, role="owner")
    row, _ = create_key(people.elsewhere, "theirs", created_by=people.owner)
    body = {"messages": [{"role": "user", "content": "hi"}], "mode": "manual", "model": "openai/gpt-4o-mini"}
    assert as_role("owner").post(f"/keys/{row.pk}/chat", json=body).status_code == 404


@pytest.mark.parametrize(
    ("granted", "needed", "good"),
    [
        (["keys:read"], "keys:read", True),
        (["keys:write"], "keys:read", True),
        (["keys:read"], "keys:write", False),
        (["members:write"], "keys:read", False),
        ([], "keys:read", False),
    ],
)
def test_to_write_is_to_read(granted, needed, good):
    assert opens(granted, needed) is good


def test_a_scope_that_it_has_not(as_role):
    told = as_role("owner", ["usage:read"]).get("/keys")
    assert told.status_code == 403 and "keys:read" in told.json()["detail"]


def test_it_acts_for_its_maker_and_never_beyond_them(as_role, people):
    admin = as_role("admin")
    assert admin.post("/keys", json={"name": "by a script"}).status_code == 201
    Membership.objects.filter(user=people.admin).update(role="viewer")
    assert admin.post("/keys", json={"name": "another"}).status_code == 403
    assert admin.get("/keys").status_code == 200
    Membership.objects.filter(user=people.admin).delete()
    assert admin.get("/keys").status_code == 401, "whoever leaves takes their keys along"


def test_a_lesser_role_than_its_maker_s(people, client):
    _, key = create(people.tenant, people.owner, "careful", role="viewer", scopes=TENANT_SCOPES)
    assert client(key).get("/me").json()["data"]["role"] == "viewer"
    assert client(key).post("/keys", json={"name": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"revoked_at": timezone.now()}, "invalid_api_key"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired_api_key"),
        ({"digest": "0" * 64}, "invalid_api_key"),
        ({"pepper_id": "gone"}, "invalid_api_key"),
    ],
)
def test_keys_that_open_nothing(owner, change, code):
    ManagementKey.objects.update(**change)
    told = owner.get("/me")
    assert (told.status_code, told.json()["code"]) == (401, code)
    assert told.headers["www-authenticate"] == "Bearer"


def test_an_operator_s_key_is_of_no_tenant_and_dies_with_the_office(operator, owner, people):
    assert operator.get("/platform/plans").status_code == 200
    assert operator.get("/keys").status_code == 403
    assert owner.get("/platform/plans").status_code == 403
    people.operator.is_staff = False
    people.operator.save()
    assert operator.get("/platform/plans").status_code == 401


def test_no_key_gives_more_than_it_has(as_role):
    key = as_role("admin", ["keys:write", "usage:read"])
    assert key.post("/management-keys", json={"name": "a", "scopes": ["usage:read"]}).status_code == 201
    assert key.post("/management-keys", json={"name": "a", "scopes": ["tenant:write"]}).status_code == 403
    assert key.post("/management-keys", json={"name": "a", "scopes": ["keys:read"], "role": "owner"}).status_code == 403
    told = key.post("/management-keys", json={"name": "a", "scopes": ["nonsense"]})
    assert told.status_code == 400 and told.json()["param"] == "scopes"


def test_an_operator_s_key_is_made_by_operators(operator, as_role):
    made = operator.post("/platform/management-keys", json={"name": "grafana", "scopes": ["platform:read"]})
    assert made.status_code == 201 and made.json()["data"]["key"].startswith(START)
    assert as_role("operator", ["platform:read"]).post("/platform/plans").status_code == 405
    only_reads = as_role("operator", ["platform:read"])
    assert only_reads.put("/platform/plans/new", json={}).status_code == 403
    assert operator.delete(f"/platform/management-keys/{made.json()['data']['id']}").json()["data"]["revoked_at"]
    assert set(PLATFORM_SCOPES) == {"platform:read", "platform:write"}


def test_people_who_are_signed_in_write_with_a_csrf_token(people):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.owner)
    assert browser.get("/api/v1/keys").status_code == 200
    refused = browser.post("/api/v1/keys", {"name": "x"}, content_type="application/json")
    assert refused.status_code == 403 and "CSRF" in refused.json()["detail"]
    browser.get("/sign-in")
    browser.get(f"/t/{people.tenant.slug}/keys")
    token = browser.cookies["csrftoken"].value
    made = browser.post("/api/v1/keys", {"name": "x"}, content_type="application/json", headers={"x-csrftoken": token})
    assert made.status_code == 201


def test_whoever_has_several_tenants_says_which(people):
    Membership.objects.create(tenant=people.elsewhere, user=people.owner, role="viewer")
    browser = Client()
    browser.force_login(people.owner)
    told = browser.get("/api/v1/me")
    assert (told.status_code, told.json()["param"]) == (400, "tenant")
    for wanted in (people.elsewhere.slug, str(people.elsewhere.pk)):
        assert browser.get(f"/api/v1/me?tenant={wanted}").json()["data"]["tenant"] == "Elsewhere"
    assert browser.get("/api/v1/me?tenant=nobody-s").status_code == 404


def test_nobody_comes_in_without_anything(server):
    import httpx

    told = httpx.get(f"{server}/api/v1/keys")
    assert told.status_code == 401 and told.headers["content-type"].startswith("application/problem+json")


def test_how_often(owner, settings):
    settings.MANAGEMENT_REQUESTS_PER_MINUTE = 3
    managers.forget()
    answers = [owner.get("/me") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1 and answers[-1].json()["code"] == "rate_limited"


def test_what_a_key_did_is_written_down_with_its_name(owner):
    owner.post("/keys", json={"name": "made by a script"})
    [entry] = owner.get("/audit", params={"what": "key.created"}).json()["data"]
    assert entry["who"].startswith("alice@example.com with owner's (rp_admin_")


def test_a_key_from_the_operator_s_terminal(people, client, capsys):
    from django.core.management import CommandError, call_command

    call_command("create_management_key", "alice@example.com", "--tenant", "Acme", "--scopes", "usage:read")
    key = capsys.readouterr().out.strip()
    assert client(key).get("/usage").status_code == 200 and client(key).get("/keys").status_code == 403
    call_command("create_management_key", "operator@example.com")
    assert client(capsys.readouterr().out.strip()).get("/platform/plans").status_code == 200
    for wrong in (("nobody@example.com",), ("alice@example.com",), ("alice@example.com", "--tenant", "Elsewhere")):
        with pytest.raises(CommandError):
            call_command("create_management_key", *wrong)


def test_a_key_from_the_page(people, client):
    browser = Client()
    browser.force_login(people.member)
    root = f"/t/{people.tenant.slug}/keys/management"
    assert b"owner" not in browser.get(f"{root}/new").content.partition(b'name="role"')[2].partition(b"</select>")[0]
    refused = browser.post(f"{root}/new", {"name": "x", "role": "owner", "scopes": ["usage:read"]})
    assert b"Select a valid choice" in refused.content
    assert b"This field is required" in browser.post(f"{root}/new", {"name": "x", "role": "viewer"}).content
    shown = browser.post(
        f"{root}/new", {"name": "report", "role": "viewer", "scopes": ["usage:read", "keys:read"]}
    ).content.decode()
    key = shown.partition('<code id="token">')[2].partition("<")[0]
    assert client(key).get("/usage").status_code == 200
    listed = browser.get(root).content.decode()
    assert "report" in listed and key not in listed
    row = ManagementKey.objects.get(name="report")
    assert browser.post(f"{root}/{row.pk}/revoke").status_code == 302
    assert client(key).get("/usage").status_code == 401
    theirs, _ = create(people.tenant, people.owner, "the owner's", role="owner", scopes=["usage:read"])
    assert browser.post(f"{root}/{theirs.pk}/revoke").status_code == 404, "another person's is not a member's to see"
