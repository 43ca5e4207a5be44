"""`Idempotency-Key`: the same request is answered once and told again, by whichever process, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import httpx
import openai
import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.keys import create_key
from gateway import claims, firsts, idempotency, transcripts
from gateway.models import IdempotentAnswer, LedgerEntry, RequestLog
from gateway.recorder import Recorder
from tests import redis_server
from tests import upstream as scripted
from tests.factories import TenantFactory
from tests.gateway.conftest import ANSWER, DONE, FINISH, ROLE, STREAM, WORDS
from tests.gateway.test_server import serving

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 40.0
BODY = {"model": "alpha/alpha-1", "messages": [{"role": "user", "content": "Hi"}]}
STREAMED = {**BODY, "stream": True}


def until(true):
    end = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


@pytest.fixture
def post(server, acme):
    def post(body=BODY, name="order-7", key=None, url=server, **headers):
        headers = {"authorization": f"Bearer {key or acme.key}", "idempotency-key": name, **headers}
        return httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE_S)

    return post


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


# --- the same again


def test_a_whole_answer_is_told_again_byte_for_byte(post, provider, acme, logged):
    provider.say("alpha", scripted.whole(ANSWER))
    first, again = post(), post()
    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert again.headers["x-routeplex-cost-usd"] == first.headers["x-routeplex-cost-usd"]
    assert len(provider.requests) == 1
    rows = logged(tenant=acme.tenant)
    assert [(row.status, row.http_status) for row in rows] == [("ok", 200), ("replayed", 200)]
    assert rows[1].cost_usd == 0
    assert LedgerEntry.objects.filter(tenant=acme.tenant).count() == 1


def test_a_stream_is_streamed_again_to_the_official_sdk(sdk, provider):
    provider.say("alpha", scripted.stream(*STREAM))
    asked = {**STREAMED, "extra_headers": {"Idempotency-Key": "a"}}
    first, again = (list(sdk.chat.completions.create(**asked)) for _ in range(2))
    assert [chunk.to_dict() for chunk in again] == [chunk.to_dict() for chunk in first]
    assert "".join(c.choices[0].delta.content or "" for c in again) == "Hello!"
    assert len(provider.requests) == 1


def test_what_came_of_a_provider_that_failed_is_told_again(post, provider):
    first, again = (post(**{"x-routeplex-fallback": "off"}) for _ in range(2))
    assert code(first) == code(again) == (502, "provider_error")
    assert again.content == first.content
    assert again.headers["x-should-retry"] == "false"
    assert len(provider.requests) == 1


def test_a_stream_that_broke_is_told_again_as_it_broke(post, provider):
    provider.say("alpha", scripted.stream(ROLE, *WORDS, cut=True))
    first, again = post(STREAMED), post(STREAMED)
    assert again.content == first.content
    assert b'"error"' in again.content and b"[DONE]" not in again.content


# --- not the same


def test_another_request_under_the_same_key_is_refused(post, provider, acme, logged):
    provider.say("alpha", scripted.whole(ANSWER))
    first = post()
    other = post({**BODY, "seed": 7})
    assert code(other) == (422, "idempotency_conflict")
    assert other.headers["x-should-retry"] == "false"
    assert other.json()["error"]["details"] == {"request_id": first.headers["x-request-id"]}
    assert [(row.status, row.error_code) for row in logged(tenant=acme.tenant)] == [
        ("ok", ""),
        ("refused", "idempotency_conflict"),
    ]


def test_another_api_key_is_another_caller(post, provider, acme):
    provider.say("alpha", scripted.whole(ANSWER), scripted.whole(ANSWER), scripted.whole(ANSWER))
    stranger = TenantFactory(name="Charlie's")
    keys = [acme.key, create_key(acme.tenant, "second")[1], create_key(stranger, "theirs")[1]]
    answers = [post(key=key) for key in keys]
    assert all("idempotent-replayed" not in answer.headers for answer in answers)
    assert len(provider.requests) == 3


def test_what_was_refused_before_anybody_was_asked_is_not_kept(post, provider):
    assert code(post({**BODY, "temperature": 3})) == (400, "validation_error")
    assert code(post({**BODY, "model": "alpha-2"})) == (404, "invalid_model")
    assert IdempotentAnswer.objects.count() == 0
    provider.say("alpha", scripted.whole(ANSWER))
    assert post().status_code == 200


def test_without_the_header_nothing_is_remembered(sdk, provider):
    provider.say("alpha", scripted.whole(ANSWER), scripted.whole(ANSWER))
    for _ in range(2):
        sdk.chat.completions.create(**BODY)
    assert len(provider.requests) == 2
    assert IdempotentAnswer.objects.count() == 0


@pytest.mark.parametrize("name", ["", "a b", "k" * 256, "schlüssel".encode("latin-1")])
def test_a_key_that_is_none_is_refused_and_says_so(post, provider, name):
    answer = post(name=name)
    assert code(answer) == (400, "validation_error")
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert provider.requests == []


def test_the_longest_key_is_taken(post, provider):
    provider.say("alpha", scripted.whole(ANSWER))
    assert post(name="k" * 255).content == post(name="k" * 255).content


# --- while it runs


def test_one_that_is_still_running_is_waited_for(server, post, provider, acme):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 3.0, WORDS[1], FINISH, DONE))
    headers = {"authorization": f"Bearer {acme.key}", "idempotency-key": "order-7"}
    with httpx.stream("POST", f"{server}/v1/chat/completions", json=STREAMED, headers=headers, timeout=PATIENCE_S) as first:
        pieces = first.iter_bytes()
        next(pieces)
        busy = post(STREAMED)
        assert code(busy) == (409, "idempotency_running")
        assert busy.headers["retry-after"] == "2"
        assert code(post(BODY)) == (422, "idempotency_conflict")
        rest = b"".join(pieces)
    assert rest.endswith(DONE)
    assert post(STREAMED).headers["idempotent-replayed"] == "true"
    assert len(provider.requests) == 1


def test_the_official_sdk_waits_by_itself(server, provider, acme):
    """It tries a 409 again, after the time that Retry-After says."""
    provider.say("alpha", scripted.Reply(pieces=[1.0, scripted.whole(ANSWER).pieces[0]]))
    with openai.OpenAI(base_url=f"{server}/v1", api_key=acme.key, max_retries=10) as client:

        def ask():
            return client.chat.completions.create(**BODY, extra_headers={"Idempotency-Key": "b"})

        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    assert len({answer.id for answer in answers}) == 1
    assert len(provider.requests) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_who_lost_the_connection_gets_the_answer_that_was_paid_for(server, post, provider, acme, logged, stream):
    said = scripted.stream(ROLE, WORDS[0], 1.0, WORDS[1], FINISH, DONE)
    provider.say("alpha", said if stream else scripted.Reply(pieces=[1.0, scripted.whole(ANSWER).pieces[0]]))
    headers = {"authorization": f"Bearer {acme.key}", "idempotency-key": "order-7"}
    body = STREAMED if stream else BODY
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server}/v1/chat/completions", json=body, headers=headers, timeout=0.5)
    until(lambda: (answer := post(body)).status_code == 200 and "idempotent-replayed" in answer.headers)
    assert b"lo!" in post(body).content
    assert len(provider.requests) == 1
    assert [row.status for row in logged(tenant=acme.tenant, api_key=acme.row) if row.attempts] == ["ok"]


# --- a hundred at once, over processes, with Redis and without


@pytest.mark.parametrize("redis", ["away", "restarted"])
def test_a_hundred_at_once_make_one_call_and_one_entry(tmp_path, provider, acme, post, redis):
    provider.say("alpha", *[scripted.Reply(pieces=[1.5, scripted.whole(ANSWER).pieces[0]])] * 100)
    valkey = redis_server.Server()
    if redis != "away":
        valkey.start()
    with ExitStack() as stack:
        stack.callback(valkey.stop)
        more = {"REDIS_URL": valkey.url, "JOURNAL_DIR": str(tmp_path / "journal")}
        ports = [stack.enter_context(serving(tmp_path, provider.url, **more))[1] for _ in range(2)]
        stop = threading.Event()

        def ask(number):
            while True:
                answer = post(url=f"http://127.0.0.1:{ports[number % 2]}")
                if answer.status_code != 409 or stop.is_set():
                    return answer
                assert code(answer) == (409, "idempotency_running")
                time.sleep(0.5)

        with ThreadPoolExecutor(100) as pool:
            asked = [pool.submit(ask, number) for number in range(100)]
            if redis == "restarted":
                time.sleep(0.5)
                valkey.stop()
                valkey.start()
            threading.Timer(PATIENCE_S, stop.set).start()
            answers = [future.result() for future in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 99
    assert len(provider.requests) == 1
    recorder = Recorder(tmp_path / "journal")
    until(lambda: not recorder.step() and not list((tmp_path / "journal").glob("*.journal")))
    assert LedgerEntry.objects.filter(tenant=acme.tenant).count() == 1
    assert RequestLog.objects.filter(tenant=acme.tenant, status="ok").count() == 1
    assert RequestLog.objects.filter(tenant=acme.tenant, status="replayed").count() == 99


# --- what dies


def test_a_process_that_died_is_told_of_and_nobody_pays_twice(tmp_path, provider, acme, post):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 60.0), scripted.whole(ANSWER))
    with serving(tmp_path, provider.url) as (process, port), pytest.raises(httpx.HTTPError):
        url = f"http://127.0.0.1:{port}"
        with httpx.stream(
            "POST",
            f"{url}/v1/chat/completions",
            json=STREAMED,
            headers={"authorization": f"Bearer {acme.key}", "idempotency-key": "order-7"},
            timeout=PATIENCE_S,
        ) as first:
            for _ in first.iter_bytes():
                process.kill()
    assert code(post(STREAMED)) == (409, "idempotency_running")  # as far as anybody knows
    silent = timedelta(seconds=claims.LOST_AFTER_S + 1)
    IdempotentAnswer.objects.update(beaten_at=timezone.now() - silent)
    lost = post(STREAMED)
    assert code(lost) == (409, "idempotency_unknown")
    assert lost.headers["x-should-retry"] == "false" and "retry-after" not in lost.headers
    assert lost.json()["error"]["details"]["reason"] == "process_lost"
    assert len(provider.requests) == 1
    IdempotentAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    provider.clear()
    provider.say("alpha", scripted.whole(ANSWER))
    assert post(BODY).status_code == 200, "after 24 hours the key is free"


def test_what_a_leaving_process_had_to_cut_short_is_told_again(tmp_path, provider, acme, post):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 60.0, WORDS[1], FINISH, DONE))
    with serving(tmp_path, provider.url, DRAIN_LAG_S="0", DRAIN_GRACE_S="1") as (process, port):
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(post, STREAMED, url=f"http://127.0.0.1:{port}")
            until(lambda: IdempotentAnswer.objects.exists() and provider.requests)
            process.send_signal(signal.SIGTERM)
            first = asked.result()
        process.wait(PATIENCE_S)
    assert b"service_unavailable" in first.content
    assert IdempotentAnswer.objects.get().state == "kept"
    again = post(STREAMED)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content
    assert len(provider.requests) == 1


def test_a_process_at_work_is_heard_of(server, provider, acme, post, monkeypatch):
    monkeypatch.setattr(firsts, "BEAT_S", 0.05)
    provider.say("alpha", scripted.Reply(pieces=[4.0, scripted.whole(ANSWER).pieces[0]]))

    async def beating():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(firsts.beat(), 1)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post)
        until(lambda: IdempotentAnswer.objects.exists() and provider.requests)
        before = IdempotentAnswer.objects.get().beaten_at
        asyncio.run(beating())
        assert IdempotentAnswer.objects.get().beaten_at > before
        assert asked.result().status_code == 200


def test_without_a_database_no_money_is_spent(post, provider):
    table = IdempotentAnswer._meta.db_table
    post(name="warm", body={**BODY, "model": "nobody"})
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        answer = post()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    assert code(answer) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert provider.requests == []


def test_an_answer_waits_for_a_database_that_went_away(post, provider):
    table = IdempotentAnswer._meta.db_table
    provider.say("alpha", scripted.Reply(pieces=[1.5, scripted.whole(ANSWER).pieces[0]]))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post)
        until(lambda: IdempotentAnswer.objects.exists() and provider.requests)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        try:
            assert asked.result().status_code == 200, "what was paid for is not held back"
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    until(lambda: IdempotentAnswer.objects.get().state == "kept")
    assert post().content == asked.result().content


def test_an_answer_that_is_too_long_is_not_kept_and_not_paid_twice(post, provider, monkeypatch):
    monkeypatch.setattr(transcripts, "MAX_BYTES", 10)
    provider.say("alpha", scripted.whole(ANSWER))
    assert post().status_code == 200
    again = post()
    assert code(again) == (409, "idempotency_unknown")
    assert again.json()["error"]["details"]["reason"] == "too_long"
    assert len(provider.requests) == 1


# --- who can read it


def test_nobody_reads_it_without_the_api_key(post, provider, acme):
    provider.say("alpha", scripted.whole(ANSWER))
    content = post(name="canary-7").content
    row = IdempotentAnswer.objects.get()
    assert b"Hello!" not in bytes(row.answer) and "canary-7" not in str(row.__dict__)
    keys = transcripts.keys_of(acme.key)
    question = claims.Question(
        tenant_id=str(row.tenant_id), key_id=str(row.api_key_id), name=row.name, fingerprint=row.fingerprint
    )
    about = question.about(row.request_id)
    assert transcripts.unsealed(bytes(row.answer), keys.seal, about).body == content
    other = transcripts.keys_of(create_key(acme.tenant, "second")[1])
    for key, told in ((other.seal, about), (keys.seal, about + "x")):
        with pytest.raises(transcripts.InvalidTag):
            transcripts.unsealed(bytes(row.answer), key, told)


def test_an_answer_is_not_held_back_by_a_database_that_hangs(post, provider, monkeypatch):
    monkeypatch.setattr(firsts, "TRY_S", 0.5)
    provider.say("alpha", scripted.Reply(pieces=[1.5, scripted.whole(ANSWER).pieces[0]]))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post)
        until(lambda: IdempotentAnswer.objects.exists() and provider.requests)
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"LOCK TABLE {IdempotentAnswer._meta.db_table} IN EXCLUSIVE MODE")
            assert asked.result().status_code == 200
    until(lambda: post().content == asked.result().content)
    assert len(provider.requests) == 1


def test_a_database_that_is_too_slow_is_not_waited_for_and_blocks_no_key(post, provider, monkeypatch):
    monkeypatch.setattr(idempotency, "CLAIM_S", 0.5)
    post(body={**BODY, "model": "nobody"})  # the API key is known from now on
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {IdempotentAnswer._meta.db_table} IN EXCLUSIVE MODE")
        assert code(post()) == (503, "service_unavailable")
    assert provider.requests == []
    monkeypatch.setattr(idempotency, "CLAIM_S", PATIENCE_S)
    provider.say("alpha", scripted.whole(ANSWER))
    until(lambda: post().status_code == 200)
    assert len(provider.requests) == 1
