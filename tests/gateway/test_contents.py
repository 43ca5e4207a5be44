"""Prompts and answers: kept for who wants it, encrypted, readable for the right people; for everybody else nowhere."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField
from django.test import Client
from django.utils import timezone

from accounts import keys, webhooks
from accounts.models import Webhook
from gateway import contents, kept
from gateway.models import IdempotentAnswer, KeptContent
from gateway.recorder import Recorder
from gateway.rewrapping import SEALED, rewrap_all
from learning.models import TenantLearning
from routing.models import LearnedWeights
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER, DONE, FINISH, ROLE, STREAM, WORDS, chunk
from tests.gateway.test_server import serving

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canary-5f1c"
BODY = {"model": "alpha/alpha-1", "messages": [{"role": "user", "content": CANARY}]}


@pytest.fixture
def wanted(acme):
    """Acme wants its contents kept; the gateway hears of it at once."""

    def wanted(days=30):
        acme.tenant.keep_contents_days = days
        acme.tenant.save()
        keys.forget_all()

    return wanted


@pytest.fixture
def post(server, acme):
    def post(**more):
        headers = {"authorization": f"Bearer {acme.key}"}
        return httpx.post(f"{server}/v1/chat/completions", json={**BODY, **more}, headers=headers, timeout=30)

    return post


@pytest.fixture
def held(recorder):
    """The rows, once what was noted is in the database."""

    def held(count=1):
        import time

        end = time.monotonic() + 30
        while KeptContent.objects.count() < count and time.monotonic() < end:
            recorder.step()
            time.sleep(0.05)
        return list(KeptContent.objects.all())

    return held


def read(person, request_id):
    client = Client()
    client.force_login(person)
    return client.get(f"/api/v1/requests/{request_id}/contents")


def answered(text):
    return [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_asked_and_answered_is_kept_for_who_wants_it(post, provider, acme, wanted, held, stream):
    wanted()
    provider.say("alpha", scripted.stream(*STREAM) if stream else scripted.whole(ANSWER))
    request_id = post(stream=stream).headers["x-request-id"]
    [row] = held()
    assert (row.request_id, row.tenant_id) == (request_id, acme.tenant.pk)
    told = read(acme.alice, request_id)
    assert told.headers["cache-control"] == "no-store"
    assert json.loads(told.json()["asked"]) == {**BODY, "stream": stream}
    assert json.loads(told.json()["answered"]) == answered("Hello!")
    assert told.json()["asked_complete"] is told.json()["answered_complete"] is True


def test_it_is_not_readable_where_it_lies(post, provider, wanted, held):
    wanted()
    provider.say("alpha", scripted.whole(ANSWER))
    post()
    [row] = held()
    assert CANARY.encode() not in bytes(row.sealed) and b"Hello!" not in bytes(row.sealed)


def test_who_may_read_it(post, provider, acme, wanted, held, client):
    wanted()
    provider.say("alpha", scripted.whole(ANSWER))
    name = post().headers["x-request-id"]
    held()
    assert read(acme.alice, name).status_code == 200
    assert read(acme.bob, name).status_code == 404, "a member, no owner and no admin"
    assert read(acme.charlie, name).status_code == 404, "a stranger"
    entry = acme.tenant.audit_entries.get()
    assert (entry.who, entry.what, entry.subject) == ("alice@example.com", "contents.read", name), "each reading is written down"
    assert client.get(f"/api/v1/requests/{name}/contents").status_code in (401, 403), "nobody"
    with_a_key = client.get(f"/api/v1/requests/{name}/contents", headers={"authorization": f"Bearer {acme.key}"})
    assert with_a_key.status_code in (401, 403), "an API key is no person"
    acme.tenant.memberships.filter(user=acme.bob).update(role="admin")
    assert read(acme.bob, name).status_code == 200
    acme.tenant.is_active = False
    acme.tenant.save()
    assert read(acme.alice, name).status_code == 404


def test_a_row_in_another_tenant_s_place_does_not_open(post, provider, acme, wanted, held):
    from tests.factories import TenantFactory

    wanted()
    provider.say("alpha", scripted.whole(ANSWER))
    name = post().headers["x-request-id"]
    held()
    theirs = TenantFactory(keep_contents_days=30)
    KeptContent.objects.update(tenant=theirs)
    with pytest.raises(kept.Unreadable):
        kept.contents_of([theirs], name)


def test_long_ones_are_cut_and_say_so(post, provider, acme, wanted, held, monkeypatch):
    wanted()
    monkeypatch.setattr(contents, "ASKED_BYTES", 40)
    monkeypatch.setattr(kept, "ANSWER_BYTES", 30)
    provider.say("alpha", scripted.whole(ANSWER))
    name = post().headers["x-request-id"]
    held()
    told = read(acme.alice, name).json()
    assert (len(told["asked"]), told["asked_complete"]) == (40, False)
    assert (len(told["answered"]), told["answered_complete"]) == (30, False)


def test_an_endless_stream_is_noted_only_as_far_as_there_is_room(post, provider, acme, wanted, held, monkeypatch):
    wanted()
    monkeypatch.setattr(contents, "NOTED_BYTES", 1000)
    provider.say("alpha", scripted.stream(ROLE, *[chunk({"content": "x" * 100})] * 100, FINISH, DONE))
    name = post(stream=True).headers["x-request-id"]
    held()
    told = read(acme.alice, name).json()
    assert told["answered_complete"] is False
    assert 100 <= told["answered"].count("x") < 10_000


def test_a_stream_that_broke_is_kept_as_far_as_it_came(post, provider, acme, wanted, held):
    wanted()
    provider.say("alpha", scripted.stream(ROLE, *WORDS, cut=True))
    name = post(stream=True).headers["x-request-id"]
    held()
    told = read(acme.alice, name).json()
    assert json.loads(told["answered"])[0]["message"]["content"] == "Hello!"
    assert told["answered_complete"] is False


def test_who_switched_it_off_meanwhile_is_kept_nothing_of(post, provider, acme, wanted, recorder, server):
    from django.conf import settings

    wanted()
    provider.say("alpha", scripted.whole(ANSWER))
    post()
    acme.tenant.keep_contents_days = 0
    acme.tenant.save()
    folder = Path(settings.JOURNAL_DIR) / contents.FOLDER
    waited = _until(lambda: list(folder.glob("*" + contents.READY)))
    assert waited, "it was written down sealed"
    assert kept.take_in(Path(settings.JOURNAL_DIR))
    assert KeptContent.objects.count() == 0
    assert list(folder.iterdir()) == []


def test_what_is_older_than_the_tenant_wants_is_not_shown_even_before_it_is_deleted(post, provider, acme, wanted, held):
    wanted()
    provider.say("alpha", scripted.whole(ANSWER))
    name = post().headers["x-request-id"]
    held()
    KeptContent.objects.update(received_at=timezone.now() - timedelta(days=30, seconds=1))
    assert read(acme.alice, name).status_code == 404


def test_the_encryption_key_can_be_changed(post, provider, acme, wanted, held, settings):
    wanted()
    old, new = settings.ENCRYPTION_KEYS[0], "a-new-encryption-key-0123456789-01"
    provider.say("alpha", scripted.whole(ANSWER))
    name = post().headers["x-request-id"]
    held()
    hook = Webhook(tenant=acme.tenant, url="https://example.com")
    webhooks.seal_secret(hook, "whsec_x")
    hook.save()
    settings.ENCRYPTION_KEYS = [new]
    assert "cannot be read" in read(acme.alice, name).json()["error"]["message"]
    with pytest.raises(CommandError, match="2 cannot be read"):
        call_command("rewrap")
    settings.ENCRYPTION_KEYS = [new, old]
    assert rewrap_all() == (2, 0)
    assert rewrap_all() == (0, 0)
    settings.ENCRYPTION_KEYS = [new]
    assert read(acme.alice, name).status_code == 200
    assert webhooks.secret_of(Webhook.objects.get()) == "whsec_x"


def test_everything_that_is_sealed_can_be_put_under_another_key():
    fields = {(model, field.name) for model in apps.get_models() for field in model._meta.fields if type(field) is BinaryField}
    numbers = {(LearnedWeights, "weights"), (LearnedWeights, "beliefs"), (TenantLearning, "beliefs")}  # no word of anybody's
    sealed = fields - numbers
    assert sealed == SEALED.keys() | {(IdempotentAnswer, "answer")}, "that one is sealed under its caller's API key"


def test_a_file_that_is_none_of_ours_is_left_aside(tmp_path, db):
    folder = tmp_path / contents.FOLDER
    folder.mkdir()
    (folder / f"x{contents.READY}").write_bytes(b"nonsense")
    abandoned = folder / f"y{contents.NEW}"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    assert kept.take_in(tmp_path)
    assert [file.name for file in folder.iterdir()] == ["x.unread"]
    assert not kept.take_in(tmp_path)


@pytest.mark.parametrize("days", [0, 7])
def test_no_file_of_ours_holds_a_prompt_or_an_answer(tmp_path, provider, acme, wanted, days):
    """A real process, its recorder, all its files: with the switch off and on, whole and streamed, good and bad."""
    wanted(days)
    said = json.loads(json.dumps(ANSWER).replace("Hello!", "secret-9d2e"))
    provider.say("alpha", scripted.whole(said), scripted.stream(ROLE, chunk({"content": "secret-9d2e"}), FINISH, DONE))
    headers = {"authorization": f"Bearer {acme.key}"}
    with serving(tmp_path, provider.url) as (_, port):
        for more in ({}, {"stream": True}, {"temperature": 9}, {}):
            body = {**BODY, **more}
            httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body, headers=headers, timeout=30)
        httpx.post(
            f"http://127.0.0.1:{port}/v1/chat/completions", json=BODY, headers={**headers, "idempotency-key": "x"}, timeout=30
        )
    assert _files_with(tmp_path) == []
    if days:
        assert list((tmp_path / "journal" / contents.FOLDER).glob("*" + contents.READY)), "leaving, it wrote what it had"
    recorder = Recorder(tmp_path / "journal")
    while recorder.step():
        pass
    assert KeptContent.objects.count() == (4 if days else 0)
    assert _files_with(tmp_path) == []
    assert _files_with(Path(os.environ["VAR_DIR"])) == []


def _files_with(folder):
    needles = (CANARY.encode(), b"secret-9d2e")
    found = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in found if any(needle in file.read_bytes() for needle in needles)]


def _until(true):
    import time

    end = time.monotonic() + 30
    while not (value := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


def test_a_file_that_is_finished_while_it_is_looked_at_stops_nobody(post, provider, wanted, held, recorder):
    (recorder.folder / "contents").mkdir(exist_ok=True)
    gone = recorder.folder / "contents" / "gone.new"
    gone.symlink_to("nowhere")  # listed, and not there any more when asked
    wanted()
    provider.say("alpha", scripted.whole(ANSWER))
    post()
    try:
        assert held()
    finally:
        gone.unlink()
