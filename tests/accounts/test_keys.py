"""Who gets in, who does not, and how soon that changes."""

import re
import time
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys
from accounts.keys import create_key, mint, well_formed
from accounts.models import ApiKey


def status(server, key):
    return httpx.get(f"{server}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code


def eventually(server, key, wanted, within_s=2.0):
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if status(server, key) == wanted:
            return True
        time.sleep(0.05)
    return False


def test_the_form_of_a_key():
    live, test = mint(), mint(test=True)
    assert re.fullmatch(r"rp_live_[0-9A-Za-z]{49}", live)
    assert re.fullmatch(r"rp_test_[0-9A-Za-z]{49}", test)
    assert well_formed(live) and well_formed(test)
    assert len({mint() for _ in range(1000)}) == 1000


@given(st.integers(0, 56), st.sampled_from("0Az_-"))
def test_a_mistyped_key_is_known_offline(place, character):
    key = mint()
    mistyped = key[:place] + character + key[place + 1 :]
    assert well_formed(mistyped) == (mistyped == key)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_not(text):
    assert well_formed(text) in (True, False)


def test_only_a_hash_is_kept(acme):
    row = ApiKey.objects.get()
    assert acme.key not in str(vars(row))
    assert row.digest != acme.key
    assert row.prefix == acme.key[:16]


def test_a_good_key_gets_in_and_a_stranger_with_its_prefix_does_not(server, acme):
    assert status(server, acme.key) == 200
    body = acme.key[:16] + "0" * 35
    assert status(server, body + keys.checksum(body)) == 401


def test_a_revoked_key_is_refused_within_two_seconds(server, acme):
    assert status(server, acme.key) == 200
    acme.row.revoke()
    assert eventually(server, acme.key, 401)


def test_a_tenant_that_is_not_active_is_refused_within_two_seconds(server, acme):
    assert status(server, acme.key) == 200
    acme.tenant.is_active = False
    acme.tenant.save()
    assert eventually(server, acme.key, 401)


def test_an_expired_key(server, acme):
    _, key = create_key(acme.tenant, "old", expires_at=timezone.now() - timedelta(seconds=1))
    answer = httpx.get(f"{server}/v1/models", headers={"authorization": f"Bearer {key}"})
    assert answer.json()["error"]["code"] == "expired_api_key"


def test_a_key_is_also_taken_from_x_api_key(server, acme):
    assert httpx.get(f"{server}/v1/models", headers={"x-api-key": acme.key}).status_code == 200


def test_models_that_a_key_may_not_use(server, acme):
    acme.row.allowed_models = ["alpha/alpha-1"]
    acme.row.save()
    listed = httpx.get(f"{server}/v1/models", headers={"authorization": f"Bearer {acme.key}"}).json()["data"]
    assert [m["id"] for m in listed] == ["routeplex-ai", "alpha/alpha-1"]
    body = {"model": "beta-1", "messages": [{"role": "user", "content": "Hi"}]}
    answer = httpx.post(f"{server}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {acme.key}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "invalid_model")


def test_the_previous_pepper_still_opens(server, acme, settings):
    settings.KEY_PEPPERS = ["a new one", *settings.KEY_PEPPERS]
    keys.forget_all()
    assert status(server, acme.key) == 200
    _, new = create_key(acme.tenant, "new")
    assert status(server, new) == 200


def test_last_use_is_written_in_batches(server, acme, provider, recorder, logged):
    httpx.post(f"{server}/v1/chat/completions", content=b"{", headers={"authorization": f"Bearer {acme.key}"})
    logged()
    recorder.used_written = -1e9
    recorder.step()
    acme.row.refresh_from_db()
    assert acme.row.last_used_at is not None
    assert timezone.now() - acme.row.last_used_at < timedelta(seconds=30)


async def test_without_a_database_known_keys_work_and_unknown_ones_are_not_refused(acme, monkeypatch):
    """503 and never 401: nobody can tell."""
    from django.db import OperationalError

    caller = await keys.authenticate(acme.key)

    def away(prefix):
        raise OperationalError("gone")

    monkeypatch.setattr(keys, "_load", away)
    assert await keys.authenticate(acme.key) == caller
    with pytest.raises(keys.KeysUnavailable):
        await keys.authenticate(mint())
    monkeypatch.setattr(keys, "STALE_S", 0.0)
    with pytest.raises(keys.KeysUnavailable):
        await keys.authenticate(acme.key)
