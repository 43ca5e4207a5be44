"""How a process leaves: seen by callers, by load balancers, and by whoever reads the rows."""

from __future__ import annotations

import signal
import threading
import time

import httpx
import openai
import pytest

from gateway.models import RequestLog
from gateway.recorder import Recorder
from tests import upstream as scripted
from tests.gateway.conftest import DONE, FINISH, ROLE, WORDS
from tests.gateway.test_server import BODY, head, serving, workers

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 80.0


def recorded(journal):
    recorder = Recorder(journal)
    until(lambda: not recorder.step() and not list(journal.iterdir()))


def reading(client, until):
    received = b""
    while until not in received and (part := client.recv(100_000)):
        received += part
    return received


def get(port, path):
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S)


def until(true):
    end = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def test_a_process_that_serves_is_alive_started_and_ready(tmp_path, provider, acme):
    with serving(tmp_path, provider.url) as (_, port):
        until(lambda: get(port, "/readyz").status_code == 200)
        assert [get(port, path).status_code for path in ("/livez", "/startupz")] == [200, 200]


def test_a_leaving_process_is_not_ready_and_still_takes_requests_for_a_while(tmp_path, provider, acme):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 2.0, WORDS[1], FINISH, DONE))
    with serving(tmp_path, provider.url, DRAIN_LAG_S="60") as (process, port), head(port, acme.key, len(BODY)) as client:
        client.sendall(BODY)
        reading(client, b"Hel")
        process.send_signal(signal.SIGTERM)
        until(lambda: get(port, "/readyz").status_code == 503)
        assert get(port, "/readyz").json()["reason"] == "leaving"
        assert get(port, "/livez").status_code == 200
        provider.say("alpha", scripted.stream(ROLE, *WORDS, FINISH, DONE))
        with head(port, acme.key, len(BODY)) as second:
            second.sendall(BODY)
            answer = reading(second, b"[DONE]")
            assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer
        process.send_signal(signal.SIGTERM)  # whoever insists need not wait


def test_new_work_is_refused_while_running_streams_finish(tmp_path, provider, acme):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 4.0, WORDS[1], FINISH, DONE))
    with serving(tmp_path, provider.url, DRAIN_LAG_S="0") as (process, port), head(port, acme.key, len(BODY)) as client:
        client.sendall(BODY)
        reading(client, b"Hel")
        process.send_signal(signal.SIGTERM)
        until(lambda: get(port, "/readyz").status_code == 503)
        refused = httpx.post(
            f"http://127.0.0.1:{port}/v1/chat/completions", content=BODY, headers={"authorization": f"Bearer {acme.key}"}
        )
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["error"]["code"] == "service_unavailable"
        assert b"data: [DONE]" in reading(client, b"[DONE]")
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)


def test_what_is_left_after_the_grace_ends_with_an_error_event_and_a_row(tmp_path, provider, acme):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 60.0, WORDS[1], FINISH, DONE))
    with serving(tmp_path, provider.url, DRAIN_LAG_S="0", DRAIN_GRACE_S="1") as (process, port):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=acme.key, max_retries=0)
        stream = client.chat.completions.create(model="alpha-1", messages=[{"role": "user", "content": "Hi"}], stream=True)
        with pytest.raises(openai.APIError) as failed:
            for number, _ in enumerate(stream):
                if number == 0:
                    process.send_signal(signal.SIGTERM)
        assert failed.value.code == "service_unavailable"
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
    recorded(tmp_path / "journal")
    row = RequestLog.objects.get()
    assert (row.status, row.error_code) == ("error", "service_unavailable")
    assert [attempt["error"] for attempt in row.attempts] == ["stopped"]


@pytest.mark.timeout(180)
def test_a_rolling_restart_under_load_drops_nothing(tmp_path, provider, acme):
    """Every worker is replaced while callers with the official SDK go on asking: each gets its answer, each has its row."""
    answered: list[str] = []
    stop = threading.Event()

    def call(port):
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=acme.key) as client:
            while not stop.is_set():
                provider.say("alpha", scripted.stream(ROLE, WORDS[0], 0.05, WORDS[1], FINISH, DONE))
                chunks = list(
                    client.chat.completions.create(model="alpha-1", messages=[{"role": "user", "content": "Hi"}], stream=True)
                )
                answered.append(chunks[-1].choices[0].finish_reason)

    with serving(tmp_path, provider.url, "--workers", "2", DRAIN_LAG_S="0") as (process, port):
        before = set(workers(process.pid))
        failures: list[BaseException] = []

        def guarded():
            try:
                call(port)
            except BaseException as error:
                failures.append(error)

        callers = [threading.Thread(target=guarded) for _ in range(4)]
        for caller in callers:
            caller.start()
        until(lambda: len(answered) > 8)
        process.send_signal(signal.SIGHUP)
        until(lambda: not before & set(workers(process.pid)) and len(workers(process.pid)) == 2)
        so_far = len(answered)
        until(lambda: len(answered) > so_far + 8)
        stop.set()
        for caller in callers:
            caller.join()
        assert not failures
        assert set(answered) == {"stop"}
    recorded(tmp_path / "journal")
    assert RequestLog.objects.filter(status="ok").count() == len(answered)
