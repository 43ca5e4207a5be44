"""Each operation, asked by each role: the table of accounts/roles.py holds here as on the pages."""

import json
import re

import pytest

from accounts.management_keys import create
from accounts.roles import ROLES, may
from accounts.scopes import TENANT_SCOPES
from gateway.operations import operations_of
from learning import urls as learning_urls
from management.urls import PATHS

LEARNING = {
    str(pattern.pattern).replace("api/v1/", "").strip("^$").removesuffix("/?"): pattern.callback.view_class
    for pattern in learning_urls.urlpatterns
}
EVERY = [(where, method, about) for where, view in {**PATHS, **LEARNING}.items() for method, about in operations_of(view).items()]
BODIES = {
    "create_key": {"name": "x"},
    "create_management_key": {"name": "x", "scopes": ["usage:read"], "role": "viewer"},
    "create_operator_key": {"name": "x", "scopes": ["platform:read"]},
    "change_role": {"role": "viewer"},
    "invite": {"email": "else@example.com"},
    "create_budget": {"amount": "5", "period": "month"},
    "create_limit": {"model": "alpha/alpha-1", "running": 5},
    "put_credential": {"secret": "sk-x"},
    "put_platform_credential": {"secret": "sk-x"},
    "create_webhook": {"url": "http://127.0.0.1:9/"},
    "create_trial": {"strategy": "own", "parts": {}},
    "create_tenant": {"name": "New", "owner": "charlie@example.com"},
    "turn_target": {"target": "alpha", "way": "close"},
}

OWN = ("change_key", "revoke_key", "rotate_key", "remove_member")  # with one's own a lesser role will do


def ids():
    return [about.id for _, _, about in EVERY]


def asked(client, where, method, about, things):
    names = {**vars(things)}
    if where.startswith(("management-keys", "platform/management-keys")):
        names["key_id"] = things.management_key_id
    if where.startswith("platform/plans"):
        names["name"] = things.plan
    path = re.sub(r"<\w+:(\w+)>", lambda m: str(names[m[1]]), where)
    body = (
        {"content": json.dumps(BODIES.get(about.id, {})), "headers": {"content-type": "application/json"}} if about.body else {}
    )
    return client.request(method, f"/{path}", **body)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_answers():
    assert len(set(ids())) == len(ids()) > 85
    for _, method, about in EVERY:
        assert about.answer is not None or about.status == 204 or about.media_type != "application/json", about.id
        assert about.reads == (method == "GET") or about.id == "replay", about.id
        assert about.body is None or method in ("POST", "PUT", "PATCH")


def named(operations):
    return pytest.mark.parametrize(("where", "method", "about"), operations, ids=[about.id for _, _, about in operations])


@named([one for one in EVERY if not one[2].scope.startswith("platform")])
def test_the_role_decides_and_strangers_find_nothing(as_role, client, people, things, where, method, about):
    _, key = create(people.elsewhere, people.charlie, "theirs", role="owner", scopes=TENANT_SCOPES)
    stranger = asked(client(key), where, method, about, things)
    assert stranger.status_code == 404 or "<uuid" not in where or about.scope.startswith("learning"), stranger.text
    for role in ROLES:  # the least first: what is refused changes nothing
        told = asked(as_role(role), where, method, about, things)
        assert told.status_code < 500
        if may(role, about.needs):
            assert told.status_code != 403 or about.id in OWN, told.text
        else:
            assert (told.status_code, told.json()["code"]) == (403, "forbidden"), told.text


@named([one for one in EVERY if one[2].scope.startswith("platform")])
def test_what_is_the_platform_s_is_for_operators(as_role, things, where, method, about):
    assert asked(as_role("owner"), where, method, about, things).status_code == 403
    told = asked(as_role("operator"), where, method, about, things)
    assert told.status_code < 500 and told.status_code not in (401, 403), told.text
