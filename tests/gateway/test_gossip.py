"""Gateway processes share health through a real Valkey or Redis, and go on without it."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import asynccontextmanager

import pytest

from gateway import gossip as gossiping
from gateway.gossip import Gossip
from routing import breaker
from routing.averages import Sample
from routing.health_store import HealthStore, credential_key
from tests import redis_server

KEY, M = credential_key("openai"), "openai/m"


pytestmark = pytest.mark.stores
SERVERS = ["embedded", *(["REDIS_URL"] if os.environ.get("REDIS_URL") else [])]


@pytest.fixture(params=SERVERS)
def url(request):
    if request.param == "REDIS_URL":
        yield os.environ["REDIS_URL"]
        return
    with redis_server.running() as server:
        yield server.url


class Process:
    """What one gateway process has: two stores and a gossip."""

    def __init__(self, url, prefix):
        self.store, self.test_store = HealthStore(draw=lambda: 0.5), HealthStore(draw=lambda: 0.5)
        self.gossip = Gossip(url, self.store, self.test_store, prefix=prefix)

    def fail(self, times=5, store=None, **more):
        now = time.monotonic()
        for _ in range(times):
            (store or self.store).failed(more.get("kind", "server"), M, KEY, 1, now, now, retry_after_s=more.get("retry_after_s"))

    def ill(self):
        return self.store.unusable(time.monotonic(), 0.0)


@asynccontextmanager
async def processes(*urls, prefix=None):
    prefix = prefix or f"test-{os.getpid()}-{time.monotonic_ns()}"
    several = [Process(url, prefix) for url in urls]
    tasks = [asyncio.create_task(process.gossip.run()) for process in several]
    try:
        yield several
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(told, within_s):
    """Seconds until `told()`."""
    began = time.monotonic()
    while not told():
        assert time.monotonic() - began < within_s, "not in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def shared(several):
    await until(lambda: all(process.gossip.shared for process in several), 10)


async def test_a_breaker_that_opens_here_is_open_there_within_a_second(url):
    async with processes(url, url, url) as several:
        await shared(several)
        several[0].fail()
        await until(lambda: all(process.ill() == {M} for process in several), 1.0)


async def test_a_wait_and_speeds_are_shared(url):
    async with processes(url, url) as (one, other):
        await shared((one, other))
        one.fail(1, kind="rate_limited", retry_after_s=30.0)
        one.store.answered("openai/fast", KEY, 1, time.monotonic(), time.monotonic())
        one.store.of("openai/fast").measured(Sample(120.0, 100, 900.0))
        await until(lambda: other.ill() == {M}, 1.0)
        await until(lambda: other.store.latencies(time.monotonic()).get("openai/fast") == (120.0, 9.0), 1.0)


async def test_what_test_keys_see_stays_with_test_keys(url):
    async with processes(url, url) as (one, other):
        await shared((one, other))
        one.fail(store=one.test_store)
        await until(lambda: other.test_store.unusable(time.monotonic(), 0.0) == {M}, 1.0)
        assert other.ill() == set()


async def test_one_probe_in_all_processes(url, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.5)
    async with processes(url, url, url) as several:
        await shared(several)
        several[0].fail()
        await until(lambda: all(process.ill() for process in several), 1.0)
        probes = []
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for number, process in enumerate(several):
                process.ill()  # a request looks
                if process.store.admit((M, KEY), now := time.monotonic()):
                    probes.append((number, now))
            await asyncio.sleep(0.01)
        assert len(probes) == 1, "the lease is held for as long as the probe is out"
        number, began = probes[0]
        several[number].store.answered(M, KEY, 1, began, time.monotonic())
        await until(lambda: all(process.store.of(M).breaker.rung == 1 for process in several), 1.0)


async def test_another_process_probes_when_the_one_with_the_lease_does_not(url, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_S", 0.2)
    async with processes(url, url) as (one, other):
        await shared((one, other))
        one.fail()
        await until(lambda: other.ill() == {M}, 1.0)
        await until(lambda: not one.ill(), 5.0)  # it has the lease, and no request comes
        await until(lambda: not other.ill(), 5.0)


async def test_who_comes_later_learns_what_is_known(url):
    prefix = f"test-{os.getpid()}-{time.monotonic_ns()}"
    async with processes(url, prefix=prefix) as (one,):
        await shared((one,))
        one.fail(1, kind="rate_limited", retry_after_s=60.0)
        await asyncio.sleep(0.6)
        async with processes(url, prefix=prefix) as (late,):
            await until(lambda: late.ill() == {M}, 1.5)


async def test_two_installations_on_one_redis_know_nothing_of_each_other(url):
    async with processes(url) as (one,), processes(url) as (other,):
        await shared((one, other))
        one.fail()
        await asyncio.sleep(0.8)
        assert other.ill() == set()


@pytest.fixture
def server():
    with redis_server.running() as one:
        yield one


async def test_without_redis_each_decides_alone_and_says_so_once(server, caplog, monkeypatch):
    monkeypatch.setattr(gossiping, "AWAY_S", 0.05)
    caplog.set_level(logging.INFO)
    server.stop()
    async with processes(server.url) as (one,):
        await asyncio.sleep(1.0)
        one.fail()
        assert one.ill() == {M}
        assert one.store.alone, "a probe asks nobody"
        assert [record.levelname for record in caplog.records if record.name == "routeplex.gossip"] == ["WARNING"]


async def test_redis_goes_away_and_comes_back(server, caplog, monkeypatch):
    monkeypatch.setattr(gossiping, "AWAY_MOST_S", 0.5)
    caplog.set_level(logging.INFO)
    async with processes(server.url, server.url) as (one, other):
        await shared((one, other))
        server.stop()
        await until(lambda: one.store.alone and other.store.alone, 2.0)
        one.fail(kind="rate_limited", retry_after_s=60.0)
        assert one.ill() == {M} and other.ill() == set()
        server.start()
        await until(lambda: other.ill() == {M}, 10.0)  # what was seen meanwhile is told
        assert not one.store.alone
    levels = [record.levelname for record in caplog.records if record.name == "routeplex.gossip"]
    assert sorted(levels) == ["INFO"] * 4 + ["WARNING"] * 2


async def test_a_redis_that_hangs_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(gossiping, "TIMEOUT_S", 0.1)

    async def silent(reader, writer):
        await asyncio.sleep(30)

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with processes(f"redis://127.0.0.1:{port}/0") as (one,):
        await until(lambda: one.gossip._failures >= 1, 2.0)
        assert one.store.alone
    listener.close()


async def test_foreign_entries_in_the_stream_are_passed_over(url):
    prefix = f"test-{os.getpid()}-{time.monotonic_ns()}"
    async with processes(url, url, prefix=prefix) as (one, other):
        await shared((one, other))
        redis = gossiping._client(url)
        await redis.xadd(one.gossip._stream, {"report": b"\xff nonsense"})
        await redis.xadd(one.gossip._stream, {"else": b"1"})
        await redis.aclose()
        one.fail()
        await until(lambda: other.ill() == {M}, 1.0)


async def test_a_redis_that_was_emptied_is_read_from_its_new_beginning(url, monkeypatch):
    monkeypatch.setattr(gossiping, "WHOLE_EVERY_S", 1.0)
    prefix = f"test-{os.getpid()}-{time.monotonic_ns()}"
    async with processes(url, url, prefix=prefix) as (one, other):
        await shared((one, other))
        redis = gossiping._client(url)
        await redis.xadd(one.gossip._stream, {"else": b"1"}, id=f"{int(time.time() * 1000) + 10**9}-0")  # of a clock ahead
        await asyncio.sleep(0.6)
        await redis.delete(one.gossip._stream)
        await redis.aclose()
        one.fail()
        await until(lambda: other.ill() == {M}, 7.0)
