"""A key is rotated without cutting anybody off, and may be bounded to one use."""

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from accounts.models import RetiredSecret
from accounts.rotation import rotate
from tests.accounts.test_keys import eventually, status


def test_both_are_good_for_a_while(server, acme):
    new = rotate(acme.row, timedelta(hours=1))
    assert status(server, new) == status(server, acme.key) == 200
    RetiredSecret.objects.update(expires_at=timezone.now())
    acme.row.save()
    assert eventually(server, acme.key, 401)
    assert status(server, new) == 200


def test_without_overlap_the_old_one_is_refused_within_two_seconds(server, acme):
    assert status(server, acme.key) == 200
    new = rotate(acme.row, timedelta(0))
    assert eventually(server, acme.key, 401)
    assert status(server, new) == 200


def test_a_second_rotation_ends_the_first_one_s_overlap(acme):
    rotate(acme.row, timedelta(days=7))
    rotate(acme.row, timedelta(hours=1))
    assert all(old.expires_at <= timezone.now() + timedelta(hours=1) for old in acme.row.retired_secrets.all())


def test_revoking_ends_both(server, acme):
    new = rotate(acme.row, timedelta(hours=1))
    assert status(server, acme.key) == status(server, new) == 200
    acme.row.revoke()
    assert eventually(server, acme.key, 401)
    assert eventually(server, new, 401)


def test_it_stays_the_same_key(acme):
    from accounts.keys import recognise

    new = rotate(acme.row, timedelta(hours=1))
    assert recognise(new).key_id == recognise(acme.key).key_id == str(acme.row.pk)


CHAT = ("post", "/v1/chat/completions"), ("post", "/api/v1/chat")
READ = ("get", "/v1/models"), ("post", "/api/v1/route")


@pytest.mark.parametrize(("scope", "open_to", "shut"), [("chat", CHAT, READ), ("read", READ, CHAT)])
def test_a_key_may_be_bounded_to_one_use(server, acme, scope, open_to, shut):
    acme.row.scope = scope
    acme.row.save()
    headers = {"authorization": f"Bearer {acme.key}"}
    for method, path in shut:
        answer = getattr(httpx, method)(server + path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "out_of_scope"), path
    for method, path in open_to:
        assert getattr(httpx, method)(server + path, headers=headers).status_code != 403, path
