"""The server itself, as it is started in production: early answers, slow readers, SIGTERM, killed workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from tests import upstream as scripted
from tests.conftest import PROVIDERS, _free_port
from tests.gateway.conftest import DONE, FINISH, ROLE, WORDS, chunk

PATIENCE_S = 60.0  # of a busy machine
pytestmark = pytest.mark.django_db(transaction=True)


def environment(folder, url, **more):
    """Of a process of the product on the test database, with the scripted provider at `url`."""
    from django.conf import settings
    from django.db import connection

    name = connection.settings_dict["NAME"]
    database = (
        os.environ.get("DATABASE_URL", "").rpartition("/")[0] + f"/{name}"
        if connection.vendor != "sqlite"
        else f"sqlite:///{name}"
    )
    (folder / "providers.toml").write_text(PROVIDERS.format(url=url))
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "gateway.settings",
        "DATABASE_URL": database,
        "VAR_DIR": str(folder),
        "PROVIDERS_FILE": str(folder / "providers.toml"),
        "KEY_PEPPER": settings.KEY_PEPPERS[0],
        "LOG_LEVEL": "WARNING",
        **more,
    }


@contextmanager
def serving(folder, url, *options, **more):
    """`python -m gateway.serve` in a process of its own."""
    env = environment(folder, url, **more)
    port = _free_port()
    command = [sys.executable, "-m", "gateway.serve", "--port", str(port), *options]
    process = subprocess.Popen(command, env=env)
    try:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=PATIENCE_S).status_code == 401:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def head(port, key, length, path="/v1/chat/completions"):
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


BODY = b'{"model": "alpha-1", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'


def test_the_answer_to_a_stranger_comes_before_the_body(tmp_path, provider, acme):
    with serving(tmp_path, provider.url) as (_, port):
        with head(port, None, 200_000_000) as client:
            assert client.recv(1000).startswith(b"HTTP/1.1 401")
        with head(port, acme.key, 200_000_000) as client:
            assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_two_lengths_are_refused(tmp_path, provider, acme):
    """Request smuggling: a body that two readers would cut in two ways."""
    with (
        serving(tmp_path, provider.url) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client,
    ):
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_reader_that_does_not_read_is_waited_for(tmp_path, provider, acme):
    """60 MB towards a caller who takes nothing: the gateway stops reading from the provider instead of keeping it."""
    big = chunk({"content": "x" * 500_000})
    provider.say("alpha", scripted.stream(ROLE, *([big] * 120), FINISH, DONE))
    with serving(tmp_path, provider.url) as (process, port), head(port, acme.key, len(BODY)) as client:
        before = memory(process.pid)
        client.sendall(BODY)
        time.sleep(1.5)
        assert memory(process.pid) - before < 15_000_000
        received = 0
        while part := client.recv(1 << 20):
            received += len(part)
            if part.endswith(b"0\r\n\r\n"):
                break
        assert received > 60_000_000


def memory(pid):
    """Resident bytes."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_streams_finish_at_sigterm(tmp_path, provider, acme):
    provider.say("alpha", scripted.stream(ROLE, WORDS[0], 1.0, WORDS[1], FINISH, DONE))
    with serving(tmp_path, provider.url) as (process, port), head(port, acme.key, len(BODY)) as client:
        client.sendall(BODY)
        received = client.recv(100_000)
        while b"Hel" not in received:
            received += client.recv(100_000)
        process.send_signal(signal.SIGTERM)
        while part := client.recv(100_000):
            received += part
        assert b"data: [DONE]" in received
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_worker_that_is_killed_comes_back(tmp_path, provider, acme):
    with serving(tmp_path, provider.url, "--workers", "2") as (process, port):
        children = workers(process.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and (children[0] in workers(process.pid) or len(workers(process.pid)) < 2):
            time.sleep(0.1)
        assert len(workers(process.pid)) == 2
        answer = httpx.get(
            f"http://127.0.0.1:{port}/v1/models", headers={"authorization": f"Bearer {acme.key}"}, timeout=PATIENCE_S
        )
        assert answer.status_code == 200


def workers(pid):
    """The gateway's own children (the resource tracker of multiprocessing is none)."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = [int(child) for child in file.read().split()]
    return [child for child in children if b"spawn_main" in open(f"/proc/{child}/cmdline", "rb").read()]
