"""Who asks? Many callers at once, each until its budget is used up, whatever happens to the gateway meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import aiohttp
import msgspec

AGAIN_S = 0.3  # after an answer that asks for patience, or none
LIMITS = (None, None, 200, 400, 1000)  # of output tokens, as callers send them
STREAMS = 0.4  # of all requests


class Callers:
    """Asks with these keys in turn. `ended`: request id -> what came of it, "ok", "stopped", "refused" or "unavailable"."""

    def __init__(self, urls: Sequence[str], keys: Sequence[str], *, seed: int) -> None:
        self._urls, self._keys, self._random = urls, keys, random.Random(seed)
        self.ended: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.stop = False

    async def run(self, number: int, within_s: float) -> None:
        """All of them, to the end or for so long."""
        asyncio.get_running_loop().call_later(within_s, setattr, self, "stop", True)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
            await asyncio.gather(*(self._caller(session, name) for name in range(number)))

    async def _caller(self, session: aiohttp.ClientSession, name: int) -> None:
        key, asked = self._keys[name % len(self._keys)], 0
        while not self.stop:
            asked += 1
            try:
                over = await self._ask(session, key, f"Question {asked} of caller {name}: what is a ledger?")
            except (aiohttp.ClientError, TimeoutError):
                self.counts["broken connections"] += 1
                over = False
                await asyncio.sleep(AGAIN_S)
            if over:
                return

    async def _ask(self, session: aiohttp.ClientSession, key: str, question: str) -> bool:
        """Whether the budget is used up. Raises aiohttp.ClientError, TimeoutError."""
        limit, stream = self._random.choice(LIMITS), self._random.random() < STREAMS
        body = {"model": "book/novel", "messages": [{"role": "user", "content": question}], "stream": stream}
        if limit is not None:
            body["max_completion_tokens"] = limit
        url = f"{self._random.choice(self._urls)}/v1/chat/completions"
        async with session.post(url, json=body, headers={"authorization": f"Bearer {key}"}) as answer:
            raw = await answer.read()
        name, status = answer.headers["x-request-id"], answer.status
        self.counts[f"answers {status}"] += 1
        if status == 200:
            self._note(name, raw, stream=stream)
            return False
        self.ended[name] = "refused" if status == 429 else "unavailable"
        if status == 429 and answer.headers["x-should-retry"] == "false":
            return True
        await asyncio.sleep(AGAIN_S)
        return False

    def _note(self, name: str, raw: bytes, *, stream: bool) -> None:
        if not stream or raw.endswith(b"data: [DONE]\n\n"):
            self.ended[name] = "ok"
            if b'"output_limit":' in raw:
                self.counts["answers with a lower output limit"] += 1
            return
        event = raw.rpartition(b"data: ")[2]
        code = msgspec.json.decode(event)["error"]["code"] if event.startswith(b"{") else "cut"
        self.ended[name] = "stopped"
        self.counts[f"streams ended by {code}"] += 1
