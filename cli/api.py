"""Asking the server, and how each failure ends the command.

Exit codes: 0 done, 1 refused by the server, 2 wrongly asked, 3 the server cannot be reached, 4 not let in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import httpx
import typer

from cli.account import Account, current

REFUSED, UNREACHABLE, NOT_LET_IN = 1, 3, 4
TIMEOUT = httpx.Timeout(10, read=600)


class Api:
    """Over one connection. `manages`: with the management key, else the API key."""

    def __init__(self, *, manages: bool, account: Account | None = None) -> None:
        self.account = account or current()
        key = self.account.management_key if manages else self.account.api_key
        if not key:
            kind = "a management key (rp_admin_…)" if manages else "an API key (rp_live_…)"
            fail(f"This takes {kind}: `routeplex login`, or set the variable that `routeplex --help` names.", NOT_LET_IN)
        headers = {"authorization": f"Bearer {key}", "user-agent": "routeplex-cli"}
        self.client = httpx.Client(base_url=self.account.url, headers=headers, timeout=TIMEOUT)

    def get(self, path: str, **params: Any) -> Any:
        return self._asked("GET", path, params={name: value for name, value in params.items() if value not in (None, "")})

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._asked("POST", path, json=body)

    def delete(self, path: str) -> Any:
        return self._asked("DELETE", path)

    def every(self, path: str, most: int, **params: Any) -> Iterator[Any]:
        """Of a list, page after page."""
        after: str | None = ""
        while after is not None and most > 0:
            page = self.get(path, limit=min(most, 200), after=after, **params)
            yield from page["data"][:most]
            most -= len(page["data"])
            after = page["next"]

    def events(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """Of a stream of events, each as JSON."""
        try:
            with self.client.stream("POST", path, json=body) as answer:
                if answer.is_error:
                    answer.read()
                    refused(answer)
                for line in answer.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        yield json.loads(line.removeprefix("data: "))
        except httpx.HTTPError as error:
            self._unreachable(error)

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self.client.request(method, path, **more)
        except httpx.HTTPError as error:
            self._unreachable(error)
        if answer.is_error:
            refused(answer)
        return answer.json() if answer.content else None

    def _unreachable(self, error: Exception) -> NoReturn:
        fail(f"{self.account.url} cannot be reached: {error or type(error).__name__}.", UNREACHABLE)


def refused(answer: httpx.Response) -> NoReturn:
    try:
        error = answer.json()["error"]
        told = f"{error['message']} ({error['code']})"
    except (ValueError, KeyError, TypeError):
        told = f"The server answered {answer.status_code}."
    fail(told, NOT_LET_IN if answer.status_code in (401, 403) else REFUSED)


def fail(told: str, code: int) -> NoReturn:
    print(told, file=sys.stderr)
    raise typer.Exit(code)
