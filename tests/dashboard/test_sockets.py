"""What comes to pages by itself: new rows of the own workspace, answers of the playground; nothing for strangers."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from accounts.ids import request_id
from accounts.keys import create_key
from accounts.models import Limit
from dashboard.sockets import NOT_HERE, NOT_YOURS
from dashboard.trying import KEY_NAME
from gateway.models import RequestLog
from tests import upstream as scripted
from tests.gateway.conftest import STREAM

WAIT_S = 60


@pytest.fixture
def office(server, transactional_db):
    """A workspace with a person in each of three roles, Charlie who is in none, and a way in for each."""
    from accounts.models import Membership
    from tests.factories import TenantFactory, UserFactory

    tenant = TenantFactory(name="Acme")
    people = {who: UserFactory(email=f"{who}@example.com") for who in ("member", "viewer", "charlie")}
    for role in ("member", "viewer"):
        Membership.objects.create(tenant=tenant, user=people[role], role=role)

    def at(who, what, origin=server, **query):
        headers = {}
        if who is not None:
            client = Client()
            client.force_login(people[who], "allauth.account.auth_backends.AuthenticationBackend")
            headers["Cookie"] = f"sessionid={client.cookies['sessionid'].value}"
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        url = f"{server.replace('http', 'ws', 1)}/ws/t/{tenant.slug}/{what}?{asked}"
        return connect(url, additional_headers=headers, origin=origin, open_timeout=WAIT_S)

    return SimpleNamespace(tenant=tenant, at=at, key=create_key(tenant, "any")[0])


def heard(socket):
    return json.loads(socket.recv(timeout=WAIT_S))


def until_heard(socket, make):
    """New rows until one comes in: what was made, and what came. (The list begins with what is there when it opens.)"""
    made, end = [], time.monotonic() + WAIT_S
    while time.monotonic() < end:
        made.append(make())
        try:
            return made, "".join(json.loads(socket.recv(timeout=3))["rows"])
        except TimeoutError:
            continue
    raise AssertionError("nothing came in")


def recorded(office, **more):
    about = {"status": "ok", "http_status": 200, "received_at": timezone.now(), "model": "alpha/alpha-1"}
    return RequestLog.objects.create(request_id=request_id(), tenant=office.tenant, api_key=office.key, **{**about, **more})


def closed_with(socket):
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=WAIT_S)
    return closed.value.rcvd.code


def test_a_new_request_comes_in_by_itself(office):
    from tests.factories import ApiKeyFactory, TenantFactory

    stranger = TenantFactory()
    with office.at("viewer", "requests") as socket:
        theirs = RequestLog.objects.create(
            request_id=request_id(), tenant=stranger, api_key=ApiKeyFactory(tenant=stranger), received_at=timezone.now(),
            status="ok", http_status=200,
        )  # fmt: skip
        made, html = until_heard(socket, lambda: recorded(office))
    assert any(row.request_id in html for row in made)
    assert theirs.request_id not in html


def test_what_came_since_the_page_was_made_comes_in_too(office):
    shown, since = recorded(office), recorded(office)
    with office.at("viewer", "requests", after=shown.request_id) as socket:
        rows = "".join(heard(socket)["rows"])
    assert since.request_id in rows and shown.request_id not in rows


def test_only_what_the_list_looks_for_comes_in(office):
    with office.at("viewer", "requests", model="beta/beta-1") as socket:
        made, html = until_heard(socket, lambda: (recorded(office), recorded(office, model="beta/beta-1"))[1])
    assert any(row.request_id in html for row in made)
    assert "alpha/alpha-1" not in html


@pytest.mark.parametrize("what", ["requests", "playground"])
def test_for_a_stranger_there_is_nothing_here(office, what):
    for who in (None, "charlie"):
        with office.at(who, what) as socket:
            assert closed_with(socket) == NOT_HERE


def test_another_site_s_page_gets_no_connection(office):
    with pytest.raises(InvalidStatus):
        office.at("viewer", "requests", origin="https://evil.example")


# --- the playground


ASKED = {"name": "a1", "model": "alpha/alpha-1", "messages": [{"role": "user", "content": "Hi"}]}


def answer_to(socket, asked):
    socket.send(json.dumps(asked) if isinstance(asked, dict) else asked)
    told = []
    while not told or not ("done" in told[-1] or told[-1]["name"] == ""):
        told.append(heard(socket))
    return told


def test_an_answer_comes_in_pieces_and_is_a_request_like_any_other(office, provider, logged):
    provider.say("alpha", scripted.stream(*STREAM))
    with office.at("member", "playground") as socket:
        told = answer_to(socket, ASKED)
    text = "".join((one["chunk"]["choices"] or [{"delta": {}}])[0]["delta"].get("content", "") for one in told if "chunk" in one)
    assert text == "Hello!"
    [row] = logged(tenant=office.tenant)
    assert (row.request_id, row.api_key.name, row.status) == (told[-1]["done"], KEY_NAME, "ok")


def test_who_may_only_look_asks_nothing(office):
    with office.at("viewer", "playground") as socket:
        assert closed_with(socket) == NOT_YOURS


@pytest.mark.parametrize(
    "asked", ["{", '{"name": "a"}', json.dumps({**ASKED, "messages": []}), json.dumps({**ASKED, "tradeoff": 11})]
)
def test_what_makes_no_sense_is_told_and_the_connection_stays(office, provider, asked):
    provider.say("alpha", scripted.stream(*STREAM))
    with office.at("member", "playground") as socket:
        assert "error" in answer_to(socket, asked)[0]
        assert "done" in answer_to(socket, ASKED)[-1]


def test_what_fails_is_told(office, provider):
    with office.at("member", "playground") as socket:
        unknown = answer_to(socket, {**ASKED, "model": "nobody/knows"})
    assert "nobody/knows" in unknown[0]["error"] and "done" in unknown[-1]


def test_the_workspace_s_limits_hold_there_too(office, provider):
    Limit.objects.create(tenant=office.tenant, requests_per_minute=1)
    provider.say("alpha", scripted.stream(*STREAM))
    with office.at("member", "playground") as socket:
        answer_to(socket, ASKED)
        assert "rate_limit" in answer_to(socket, ASKED)[0]["code"]
