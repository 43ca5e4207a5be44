"""kill -9 during load, then count: every answer has its row, every upstream call is accounted for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from gateway.models import RequestLog
from gateway.recorder import Recorder
from tests import upstream as scripted
from tests.gateway.conftest import DONE, FINISH, ROLE, WORDS
from tests.gateway.test_server import serving

pytestmark = pytest.mark.django_db(transaction=True)
ENOUGH = 100  # whole answers before the process is killed
BODY = {"model": "alpha-1", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}


class Load:
    """Callers that ask until they are told to stop, and remember what they were answered."""

    def __init__(self, port, key):
        self.url, self.headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"authorization": f"Bearer {key}"}
        self.begun, self.done, self.stop = [], [], threading.Event()

    def run(self):
        with httpx.Client(timeout=120) as client:
            while not self.stop.is_set():
                try:
                    with client.stream("POST", self.url, json=BODY, headers=self.headers) as answer:
                        name = answer.headers["x-request-id"]
                        self.begun.append(name)
                        if answer.read().endswith(DONE):
                            self.done.append(name)
                except httpx.TransportError:
                    return


def test_kill_9_during_load_loses_nothing(tmp_path, provider, acme):
    slow = scripted.stream(ROLE, WORDS[0], 0.02, WORDS[1], 0.02, FINISH, DONE)
    never_over = scripted.stream(ROLE, WORDS[0], 300.0, WORDS[1], FINISH, DONE)
    provider.say("alpha", never_over, *[slow] * 5000)
    with serving(tmp_path, provider.url) as (process, port):
        load = Load(port, acme.key)
        with ThreadPoolExecutor(8) as pool:
            workers = [pool.submit(load.run) for _ in range(8)]
            end = time.monotonic() + 30
            while len(load.done) < ENOUGH and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
            process.wait()
            load.stop.set()
            for worker in workers:
                worker.result()
    sent = len(provider.requests)
    recorder = Recorder(tmp_path / "journal")
    while recorder.step():
        pass
    rows = {row.request_id: row for row in RequestLog.objects.filter(tenant=acme.tenant)}
    assert len(load.done) >= ENOUGH, "there was a load"
    assert all(rows[name].status == "ok" for name in load.done), "every whole answer has its row"
    assert set(load.begun) <= set(rows), "and so has every answer that began"
    assert sent <= sum(len(row.attempts) for row in rows.values()), "and every call that a provider saw"
    assert {row.status for row in rows.values()} <= {"ok", "orphaned", "client_gone"}
    assert any(row.status == "orphaned" for row in rows.values()), "some were cut"
    assert list((tmp_path / "journal").iterdir()) == []
