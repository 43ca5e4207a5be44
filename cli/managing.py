"""Keys, usage, requests as they come, and what another strategy would have done."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli import show
from cli.api import Api, fail
from cli.asking import Json

keys = typer.Typer(help="API keys: list, make, rotate, revoke.", no_args_is_help=True)
EVERY_S = 1.0  # new requests are looked for
UNITS = {"h": "hours", "d": "days", "w": "weeks"}

Since = Annotated[str, typer.Option(help="How far back: 24h, 7d, 4w, or a day such as 2026-11-01.")]


@keys.command("list")
def list_keys(
    every: Annotated[bool, typer.Option("--all", help="Those that were revoked, too.")] = False, as_json: Json = False
) -> None:
    """API keys, newest first."""
    found = list(Api(manages=True).every("/api/v1/keys", 10_000, **({} if every else {"revoked": "false"})))
    if as_json:
        show.as_json(found)
        return
    columns = {"name": "name", "prefix": "begins", "scope": "scope", "default_strategy": "strategy"}
    show.table(found, columns | {"last_used_at": "last used", "expires_at": "expires", "id": "id"})


@keys.command()
def create(
    name: str,
    test: Annotated[bool, typer.Option(help="It reaches the sandbox only.")] = False,
    scope: Annotated[str, typer.Option(help="all, chat or read.")] = "all",
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Its default.")] = "",
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="One that it may use; several times for several.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key. It is shown this once."""
    body = {"name": name, "test": test, "scope": scope, "default_strategy": strategy, "allowed_models": model or []}
    _shown(Api(manages=True).post("/api/v1/keys", body)["data"], as_json)


@keys.command()
def rotate(key: str, overlap_hours: Annotated[int, typer.Option(min=0, max=720)] = 24, as_json: Json = False) -> None:
    """Give an API key (its id, name or beginning) a new secret; the old one stays good for a while."""
    api = Api(manages=True)
    _shown(api.post(f"/api/v1/keys/{_id(api, key)}/rotate", {"overlap_hours": overlap_hours})["data"], as_json)


@keys.command()
def revoke(key: str, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Revoke an API key (its id, name or beginning)."""
    api = Api(manages=True)
    found = _id(api, key)
    if not yes:
        typer.confirm(f"Nobody gets in with {key} any more. Sure?", abort=True)
    api.delete(f"/api/v1/keys/{found}")
    show.aside.print(f"{key} is revoked.")


def _id(api: Api, said: str) -> str:
    keys = api.every("/api/v1/keys", 10_000, revoked="false")
    found = [one for one in keys if said in (one["id"], one["name"], one["prefix"])]
    if len(found) != 1:
        fail(f"{len(found) or 'No'} keys are called {said!r}: `routeplex keys list` has their ids.", 2)
    return str(found[0]["id"])


def _shown(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show.as_json(made)
        return
    print(made["key"])
    show.aside.print(f"{made['name']}: this key is not shown again.")


def usage(
    since: Since = "7d",
    by: Annotated[str | None, typer.Option(help="model, provider, query_type, strategy or api_key.")] = "model",
    as_json: Json = False,
) -> None:
    """What was used and spent."""
    told = Api(manages=True).get("/api/v1/usage", since=_moment(since), group_by=by)["data"]
    if as_json:
        show.as_json(told)
        return
    columns = {"name": (by or "").replace("_", " "), "requests": "requests", "failures": "failed", "input_tokens": "tokens in"}
    columns |= {"output_tokens": "out", "usd": "USD", "p50_ms": "p50 ms", "p95_ms": "p95 ms"}
    rows = [*(told["groups"] or ()), {**told["total"], "name": "all"}]
    rows = [{**one, "name": one["name"] or "–", "usd": show.usd(one["cost_usd"])} for one in rows]
    show.table(rows, columns, right=tuple(columns)[1:])


def requests(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=100_000)] = 20,
    model: str = "",
    status: str = "",
    strategy: str = "",
    since: Annotated[str, typer.Option(help="24h, 7d, or a day.")] = "",
    as_json: Json = False,
) -> None:
    """Requests, the latest last."""
    api, wanted = Api(manages=True), {"model": model, "status": status, "strategy": strategy}
    found = list(api.every("/api/v1/requests", limit, **wanted, since=_moment(since) if since else ""))[::-1]
    if as_json:
        for one in found:
            show.as_json(one)
    else:
        for one in found:
            _line(one)
    if follow:
        _follow(api, wanted, found[-1]["received_at"] if found else "", {one["request_id"] for one in found}, as_json)


def _follow(api: Api, wanted: dict[str, str], latest: str, seen: set[str], as_json: bool) -> None:
    """Rows come in a second late and out of order: the last minute is looked at again."""
    since = datetime.fromisoformat(latest) if latest else datetime.now(UTC)
    while True:
        time.sleep(EVERY_S)
        new = list(api.every("/api/v1/requests", 1000, **wanted, since=(since - timedelta(minutes=1)).isoformat()))[::-1]
        for one in new:
            if one["request_id"] not in seen:
                seen.add(one["request_id"])
                since = max(since, datetime.fromisoformat(one["received_at"]))
                show.as_json(one) if as_json else _line(one)


def _line(one: dict[str, Any]) -> None:
    colour = {"ok": "green", "replayed": "green", "client_gone": "yellow"}.get(one["status"], "red")
    told = one["error_code"] or one["status"]
    tried = f" after {len(one['attempts']) - 1} failed" if len(one["attempts"]) > 1 else ""
    when = show.text(one["received_at"])
    show.out.print(
        f"[dim]{when}[/] [{colour}]{told:<10}[/] {one['model'] or one['asked']}{tried}"
        f" [dim]{one['query_type'] or '–'} {one['strategy'] or 'named'}[/]"
        f" {one['input_tokens']}+{one['output_tokens']} tokens ${show.usd(one['cost_usd'])} {one['duration_ms'] or 0} ms"
        f" [dim]{one['request_id']}[/]",
        soft_wrap=True,
    )


def replay(
    strategy: Annotated[str | None, typer.Option("--strategy", "-s", help="Ours, or one of your own.")] = None,
    tradeoff: Annotated[float | None, typer.Option(min=0, max=10, help="Of auto.")] = None,
    since: Since = "7d",
    as_json: Json = False,
) -> None:
    """What would that time have been like under another strategy?"""
    body = {"strategy": strategy, "tradeoff": tradeoff, "since": since}
    told = Api(manages=True).post("/api/v1/learning/replay", {n: v for n, v in body.items() if v is not None})["data"]
    if as_json:
        show.as_json(told)
        return
    exact, modelled, causal = told["exact"], told["modelled"], told["causal"]
    if not exact["requests"]:
        show.out.print("There are no automatic decisions to judge in this time.")
        return
    show.out.print(f"[bold]{told['target']}[/]: {exact['requests']} requests, {exact['moved']} would go to another model")
    cost, saved = modelled["cost_usd"], modelled["saved_usd"]
    rows = [
        {"what": "USD", "was": show.usd(exact["recorded_usd"]), "would": _span(cost, show.usd)},
        {"what": "saved USD", "was": "", "would": _span(saved, show.usd)},
        {
            "what": "ms an answer",
            "was": show.text(round(modelled["recorded_ms"])),
            "would": _span(modelled["ms"], lambda v: f"{v:,.0f}"),
        },
    ]
    show.table(rows, {"what": "", "was": "was", "would": "would be (95 %)"}, right=("was", "would"))
    difference = causal["doubly_robust"]["difference"]
    if "value" in difference:
        show.out.print(f"quality {difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})")
    else:
        show.out.print(f"quality: {difference.get('in_words') or 'cannot tell from the feedback that there is'}", style="dim")


def _span(interval: dict[str, Any], tell: Any) -> str:
    return f"{tell(interval['value'])} ({tell(interval['low'])} to {tell(interval['high'])})"


def _moment(said: str) -> str:
    """For the API, which takes moments."""
    number, unit = said[:-1], said[-1:]
    if unit in UNITS and number.isdigit():
        return (datetime.now(UTC) - timedelta(**{UNITS[unit]: int(number)})).isoformat()
    try:
        return datetime.fromisoformat(said).astimezone().isoformat()
    except ValueError:
        fail(f"{said!r} is no time: write 24h, 7d, 4w, or a day such as 2026-11-01.", 2)
