"""Chat for people who are signed in, on the account of a key: POST /api/v1/keys/{id}/chat, the DRF view over the same answer."""

from __future__ import annotations

import httpx
import pytest
from django.test import Client

from accounts.models import Membership
from tests.gateway.conftest import ANSWER, ROLE, STREAM, chunk
from tests.upstream import stream, whole

HI = {"mode": "manual", "model": "alpha-1", "messages": [{"role": "user", "content": "Hi"}]}
PATIENCE_S = 20.0


@pytest.fixture
def signed_in(server):
    """A person's browser at the running server; `csrf=False`: a page of somebody else's made it ask."""
    clients = []

    def enter(person, *, csrf=True):
        django = Client()
        django.force_login(person)
        session = django.cookies["sessionid"].value
        token = "a" * 32
        client = httpx.Client(base_url=server, timeout=PATIENCE_S, cookies={"sessionid": session, "csrftoken": token})
        client.headers["x-csrftoken"] = token if csrf else "b" * 32
        clients.append(client)
        return client

    yield enter
    for client in clients:
        client.close()


def test_the_answer_goes_to_the_key_s_account(signed_in, acme, provider, logged):
    provider.say("alpha", whole(ANSWER))
    answer = signed_in(acme.alice).post(f"/api/v1/keys/{acme.row.pk}/chat", json=HI)
    assert answer.json()["data"]["output"] == "Hello!"
    [row] = logged(request_id=answer.json()["data"]["id"])
    assert (row.api_key_id, row.tenant_id) == (acme.row.pk, acme.tenant.pk)


def test_a_stream_and_a_hang_up(signed_in, acme, provider):
    provider.say("alpha", stream(*STREAM))
    alice, path = signed_in(acme.alice), f"/api/v1/keys/{acme.row.pk}/chat"
    assert alice.post(path, json={**HI, "stream": True}).text.endswith("data: [DONE]\n\n")
    provider.say("alpha", stream(ROLE, chunk({"content": "Hel"}), PATIENCE_S))
    with alice.stream("POST", path, json={**HI, "stream": True}) as answer:
        next(answer.iter_bytes())
    assert provider.requests[-1].hung_up.wait(PATIENCE_S / 2)


@pytest.mark.parametrize(
    ("who", "csrf", "status", "code"),
    [("charlie", True, 404, "not_found"), ("bob", True, 403, "forbidden"), ("alice", False, 403, "forbidden")],
)
def test_who_may_not(signed_in, acme, who, csrf, status, code):
    """A stranger; a member with somebody else's key; a page of somebody else's."""
    answer = signed_in(getattr(acme, who), csrf=csrf).post(f"/api/v1/keys/{acme.row.pk}/chat", json=HI)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_nobody_and_viewers(server, signed_in, acme):
    path = f"/api/v1/keys/{acme.row.pk}/chat"
    assert httpx.post(server + path, json=HI, timeout=PATIENCE_S).json()["error"]["code"] == "unauthenticated"
    Membership.objects.filter(user=acme.bob).update(role="viewer")
    assert signed_in(acme.bob).post(path, json=HI).status_code == 403


def test_a_revoked_key_asks_nobody(signed_in, acme):
    acme.row.revoke()
    answer = signed_in(acme.alice).post(f"/api/v1/keys/{acme.row.pk}/chat", json=HI)
    assert answer.json()["error"]["code"] == "invalid_api_key"
