"""`routeplex …`: the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli import account, asking, managing, show
from cli.api import Api, fail

app = typer.Typer(
    name="routeplex",
    help="RoutePlex from a terminal. Keys come from `routeplex login`, or from ROUTEPLEX_URL, ROUTEPLEX_API_KEY (rp_live_…, asks "
    "models) and ROUTEPLEX_MANAGEMENT_KEY (rp_admin_…, manages). Exit codes: 0 done, 1 refused, 2 wrongly asked, 3 not "
    "reachable, 4 not let in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(managing.keys, name="keys")
for command in (asking.models, asking.chat, asking.route, managing.usage, managing.requests, managing.replay):
    app.command()(command)


@app.command()
def login(
    url: Annotated[str, typer.Option(help="Where the platform is.")] = "",
    key: Annotated[str, typer.Option(help="Left out: it is asked for, or read from the standard input.")] = "",
) -> None:
    """Keep an API key or a management key; one of each can be kept."""
    before = account.kept()
    where = (url or before.url or account.DEFAULT_URL).rstrip("/")
    said = key or (typer.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip())
    try:
        new = account.with_key(account.Account(where, before.api_key, before.management_key), said)
    except ValueError as error:
        fail(str(error), 2)
    manages = said.startswith("rp_admin_")
    api = Api(manages=manages, account=new)
    told = api.get("/api/v1/me")["data"] if manages else None
    if not manages:
        api.get("/v1/models")
    path = account.keep(new)
    who = f"{told['email']} in {told['tenant']}, {told['role']}" if told else "an API key"
    show.aside.print(f"Signed in to {where} as {who}. Kept in {path}.")


@app.command()
def logout() -> None:
    """Forget what login has kept."""
    account.forget()
    show.aside.print("Forgotten.")


@app.command()
def whoami(as_json: asking.Json = False) -> None:
    """Who the management key acts for, and what it may."""
    told = Api(manages=True).get("/api/v1/me")["data"]
    if as_json:
        show.as_json(told)
        return
    for name, value in told.items():
        show.out.print(f"{name.replace('_', ' '):<16}{show.text(value)}")
