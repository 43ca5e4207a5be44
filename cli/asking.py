"""Models, a chat, and why a prompt would go where."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from cli import show
from cli.api import Api, fail

AUTOMATIC = "routeplex-ai"
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Prompt = Annotated[str | None, typer.Argument(help="Left out: what stands in the standard input.")]
Model = Annotated[str, typer.Option("--model", "-m", help="A model's name, such as openai/gpt-4o; else it is chosen.")]
Strategy = Annotated[str | None, typer.Option("--strategy", "-s", help="auto, quality, cost, speed, balanced, or your own.")]
Slider = Annotated[float | None, typer.Option("--tradeoff", min=0, max=10, help="Of auto: 0 (price) to 10 (quality).")]


def models(as_json: Json = False) -> None:
    """Models that your API key may use."""
    listed = Api(manages=False).get("/v1/models")["data"]
    if as_json:
        show.as_json(listed)
        return
    rows = [_model(one) for one in listed]
    columns = {
        "id": "model",
        "tier": "tier",
        "context_window": "context",
        "input": "in $/M",
        "output": "out $/M",
        "health": "health",
    }
    show.table(rows, columns, right=("context_window", "input", "output"))


def _model(one: dict[str, Any]) -> dict[str, Any]:
    prices = one.get("pricing") or {}
    return {**one, "input": prices.get("input_per_mtok"), "output": prices.get("output_per_mtok")}


def chat(
    prompt: Prompt = None,
    model: Model = AUTOMATIC,
    strategy: Strategy = None,
    tradeoff: Slider = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    as_json: Json = False,
) -> None:
    """Ask, and read the answer as it comes; who answered is said at the end."""
    api, body = Api(manages=False), _body(prompt, model, system)
    _prefer(api, strategy, tradeoff)
    if as_json:
        show.as_json(api.post("/v1/chat/completions", body))
        return
    served = ""
    for event in api.events("/v1/chat/completions", {**body, "stream": True}):
        if error := event.get("error"):
            sys.stdout.write("\n")
            fail(f"{error.get('message')} ({error.get('code')})", 1)
        served = event.get("model") or served
        for choice in event.get("choices", ()):
            sys.stdout.write(choice.get("delta", {}).get("content") or "")
            sys.stdout.flush()
    sys.stdout.write("\n")
    show.aside.print(f"– {served}", style="dim")


def route(
    prompt: Prompt = None, model: Model = AUTOMATIC, strategy: Strategy = None, tradeoff: Slider = None, as_json: Json = False
) -> None:
    """Where would this prompt go, and why? Nobody is asked, nothing is spent."""
    api = Api(manages=False)
    _prefer(api, strategy, tradeoff)
    told = api.post("/api/v1/route", _body(prompt, model, None))
    if as_json:
        show.as_json(told)
        return
    kind = told["classification"]
    show.out.print(f"[bold]{told['model']}[/]  under {told['strategy'] or told['mode']}; taken for {kind['query_type']}")
    columns = {"model": "candidate", "quality": "quality", "cost": "USD", "ms": "ms", "why": "why"}
    show.table([_candidate(one) for one in told["candidates"]], columns, right=("quality", "cost", "ms"))
    if told["excluded"]:
        reasons: dict[str, int] = {}
        for one in told["excluded"]:
            reasons[one["reason"]] = reasons.get(one["reason"], 0) + 1
        show.out.print("left out: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items()), style="dim")


def _candidate(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": one["model"],
        "quality": round(one["predicted_quality"], 3),
        "cost": show.usd(one["predicted_cost_usd"]),
        "ms": round(one["predicted_latency_ms"]),
        "why": one["reasons"][0],
    }


def _body(prompt: str | None, model: str, system: str | None) -> dict[str, Any]:
    said = sys.stdin.read() if prompt in (None, "-") else prompt
    if not said or not said.strip():
        fail("There is nothing to ask.", 2)
    messages = [{"role": "system", "content": system}] if system else []
    return {"model": model, "messages": [*messages, {"role": "user", "content": said}]}


def _prefer(api: Api, strategy: str | None, tradeoff: float | None) -> None:
    wishes = {"x-routeplex-strategy": strategy, "x-routeplex-tradeoff": tradeoff}
    api.client.headers.update({name: str(value) for name, value in wishes.items() if value is not None})
