"""How often, how much, how many at once? Rate limits, counted in Redis for all processes by one script a request.

What several requests ask at the same moment travels together. While Redis is away each process counts for itself, with a
share of each limit (as many shares as there were processes): a request never waits longer for Redis than TIMEOUT_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from gateway.buckets import Bucket, Full, Room, Sizes, admit, settle

TIMEOUT_S = 0.05  # of one exchange with Redis
AWAY_S, AWAY_MOST_S = 1.0, 10.0  # before Redis is tried again
LEASE_S = 45.0  # a running request counts for so long after its process was last seen
BEAT_S = 15.0
REMEMBERED = 100_000  # limits counted in this process

LUA = Path(__file__).with_name("lua")
log = logging.getLogger("routeplex.rates")


class Claim(Struct, frozen=True):
    """What one request asks of its limits: a name and sizes for each, and how many tokens it will take."""

    member: str
    names: tuple[str, ...]
    sizes: tuple[Sizes, ...]
    tokens: int


class Rates:
    """Of one process. Its methods raise nothing."""

    def __init__(self, url: str, *, prefix: str = "routeplex") -> None:
        self._url = url
        self._redis = _client(url)
        self._prefix = prefix
        self._scripts = {name: (LUA / f"{name}.lua").read_text("utf-8") for name in ("admit", "settle")}
        self._shas = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._scripts.items()}
        self._waiting: list[tuple[str, list[str], list[Any], asyncio.Future[Any] | None]] = []
        self._sending: asyncio.Task[None] | None = None
        self._away_until = self._away_for = 0.0
        self._running: dict[str, tuple[str, ...]] = {}  # member -> the keys it is counted under
        self._buckets: dict[str, Bucket] = {}
        self.processes = 1

    async def close(self) -> None:
        if self._sending is not None:
            await asyncio.gather(self._sending, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    # --- a request's two moments

    async def admit(self, claim: Claim) -> Sequence[Room] | Full:
        """What is left under each limit, or which one is full."""
        if not self._away:
            keys = [key for name in claim.names for key in self._keys(name)]
            sizes = [value for s in claim.sizes for value in (s.requests, s.tokens, s.running, claim.tokens)]
            answer = await self._ask("admit", keys, [claim.member, round(LEASE_S * 1000), 0, *sizes])
            if answer is not None:
                return self._admitted(claim, answer)
        return self._admit_here(claim)

    def settle(self, claim: Claim, used: int) -> None:
        """The request is over. Nobody waits for it."""
        if self._running.pop(claim.member, None) is not None:
            keys = [key for name in claim.names for key in self._keys(name)[1:]]
            more = [value for s in claim.sizes for value in (s.tokens, used - claim.tokens)]
            self._put("settle", keys, [claim.member, 0, *more], None)
        now = time.time() * 1e6
        for name, size in zip(claim.names, claim.sizes, strict=True):
            if (bucket := self._buckets.get(name)) is not None:
                settle(bucket, size, used - claim.tokens, claim.member, now)

    def _keys(self, name: str) -> tuple[str, str, str]:
        """One tenant's keys lie in one slot of a cluster, so that a script may touch them together."""
        return tuple(f"{self._prefix}:rate:{name}:{what}" for what in ("requests", "tokens", "running"))  # type: ignore[return-value]

    def _admitted(self, claim: Claim, answer: Sequence[int]) -> Sequence[Room] | Full:
        if not answer[0]:
            _, number, what, wait_us, left = answer
            said = what.decode() if isinstance(what, bytes) else what
            return Full(number - 1, said, None if wait_us < 0 else wait_us, left)  # type: ignore[arg-type]
        self._running[claim.member] = tuple(self._keys(n)[2] for n, s in zip(claim.names, claim.sizes, strict=True) if s.running)
        rows = [answer[at : at + 5] for at in range(1, len(answer), 5)]
        return [Room(r if r >= 0 else None, r_back, t if t >= 0 else None, t_back, n) for r, r_back, t, t_back, n in rows]

    def _admit_here(self, claim: Claim) -> Sequence[Room] | Full:
        if len(self._buckets) > REMEMBERED:
            self._buckets.clear()
        buckets = [self._buckets.setdefault(name, Bucket()) for name in claim.names]
        shares = [_share(size, self.processes) for size in claim.sizes]
        return admit(buckets, shares, claim.tokens, claim.member, time.time() * 1e6, LEASE_S * 1e6)

    # --- to Redis and back

    @property
    def alone(self) -> bool:
        """Whether this process counts by itself, because Redis does not answer."""
        return self._away_for > 0

    @property
    def _away(self) -> bool:
        return time.monotonic() < self._away_until

    async def _ask(self, script: str, keys: list[str], args: list[Any]) -> Any:
        """The script's answer; None where Redis gave none."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(script, keys, args, answer)
        return await answer

    def _put(self, script: str, keys: list[str], args: list[Any], answer: asyncio.Future[Any] | None) -> None:
        self._waiting.append((script, keys, args, answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        """Everything that waits, in one exchange; and what has come to wait meanwhile in the next."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                answers = await self._exchange([(script, keys, args) for script, keys, args, _ in batch])
                for (*_, waiting), answer in zip(batch, answers, strict=True):
                    if waiting is not None and not waiting.done():
                        waiting.set_result(None if isinstance(answer, Exception) else answer)
        finally:
            self._sending = None

    async def _exchange(self, calls: Sequence[tuple[str, list[str], list[Any]]]) -> Sequence[Any]:
        """One answer for each call; None for all of them when Redis is away."""
        if self._away:
            return [None] * len(calls)
        try:
            answers = await self._pipeline(calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):  # a restarted server knows no scripts
                for script in self._scripts.values():
                    await self._redis.script_load(script)
                answers = await self._pipeline(calls)
        except Exception as error:  # whatever it was, those who wait for an answer must have one
            if not isinstance(error, RedisError | OSError):
                log.exception("rates cannot be counted in Redis")
            await self._lost(error)
            return [None] * len(calls)
        if self._away_for:
            log.info("rates are counted in Redis again")
            self._away_for = 0.0
        return answers

    async def _pipeline(self, calls: Sequence[tuple[str, list[str], list[Any]]]) -> Sequence[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for script, keys, args in calls:
            pipe.evalsha(self._shas[script], len(keys), *keys, *args)
        async with asyncio.timeout(TIMEOUT_S * 2):
            return await pipe.execute(raise_on_error=False)

    async def _lost(self, error: Exception) -> None:
        if not self._away_for:
            log.warning("Redis is away (%s): each process counts a share of the limits itself", type(error).__name__)
        self._away_for = min(max(AWAY_S, self._away_for * 2), AWAY_MOST_S)
        self._away_until = time.monotonic() + self._away_for
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()
        self._redis = _client(self._url)  # a connection that broke is not used again

    # --- staying alive

    async def beat(self) -> None:
        """For ever: requests that still run keep their places, and the processes count one another."""
        me = f"{id(self):x}-{time.time_ns():x}"
        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                if not self._away:
                    await self._keep(me)
            await asyncio.sleep(BEAT_S)

    async def _keep(self, me: str) -> None:
        now = time.time()
        everybody = f"{self._prefix}:rate:processes"
        pipe = self._redis.pipeline(transaction=False)
        pipe.zadd(everybody, {me: now + LEASE_S})
        pipe.zremrangebyscore(everybody, "-inf", now)
        pipe.zcard(everybody)
        for member, keys in self._running.items():
            for key in keys:
                pipe.zadd(key, {member: (now + LEASE_S) * 1e6}, xx=True)
                pipe.pexpire(key, round(LEASE_S * 1000))
        async with asyncio.timeout(TIMEOUT_S * 4):
            _, _, self.processes, *_ = await pipe.execute()


def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
        client_name="routeplex-rates",
    )


def _share(size: Sizes, processes: int) -> Sizes:
    return Sizes(*(max(1, value // processes) if value else 0 for value in (size.requests, size.tokens, size.running)))
