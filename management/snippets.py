"""One call, as programs write it: with curl, in Python (httpx), in Node (fetch). Addresses and keys come from the environment, so
that what is copied runs. What OpenAI's SDKs do better than a bare request is written with them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

WIDTH = 100


class Call(Struct, frozen=True, kw_only=True):
    """`path` as it is sent, query and all; `key`: the variable of the environment that holds it, empty where none is needed."""

    method: str
    path: str
    key: str
    body: Mapping[str, Any] | None = None
    answers: str = "json"  # json, text or nothing


def call_of(method: str, path: str, query: Mapping[str, str], key: str, body: Any, answers: str) -> Call:
    whole = f"{path}?{urlencode(query)}" if query else path
    return Call(method=method.upper(), path=whole, key=key, body=body, answers=answers)


def shell(call: Call) -> str:
    lines = ["curl -sS --fail-with-body" if call.method == "GET" else f"curl -sS --fail-with-body -X {call.method}"]
    lines[0] += f' "$ROUTEPLEX_URL{call.path}"'
    if call.key:
        lines.append(f'  -H "Authorization: Bearer ${call.key}"')
    if call.body is not None:
        lines += ['  -H "Content-Type: application/json"', f"  -d {shlex.quote(json.dumps(call.body, ensure_ascii=False))}"]
    return " \\\n".join(lines) + "\n"


def python(call: Call) -> str:
    arguments = [f'os.environ["ROUTEPLEX_URL"] + "{call.path}"']
    if call.key:
        arguments.append(f'headers={{"Authorization": "Bearer " + os.environ["{call.key}"]}}')
    if call.body is not None:
        arguments.append("json=" + _literal(call.body, _as_python, 4, len("    json=")).replace("\n", "\n    "))
    told = {"json": "answer.json()", "text": "answer.text", "nothing": "answer.status_code"}[call.answers]
    inside = "".join(f"    {argument},\n" for argument in arguments)
    asked = f"answer = httpx.{call.method.lower()}(\n{inside})"
    return f"import os\n\nimport httpx\n\n{asked}\nanswer.raise_for_status()\nprint({told})\n"


def node(call: Call) -> str:
    headers = [f"Authorization: `Bearer ${{process.env.{call.key}}}`"] if call.key else []
    options = [f'  method: "{call.method}",\n'] if call.method != "GET" else []
    if call.body is not None:
        headers.append('"Content-Type": "application/json"')
    if headers:
        options.append(f"  headers: {{ {', '.join(headers)} }},\n")
    if call.body is not None:
        written = _literal(call.body, json.dumps, 2, len("  body: JSON.stringify()")).replace("\n", "\n  ")
        options.append(f"  body: JSON.stringify({written}),\n")
    given = f", {{\n{''.join(options)}}}" if options else ""
    told = {"json": "await answer.json()", "text": "await answer.text()", "nothing": "answer.status"}[call.answers]
    return (
        f"const answer = await fetch(`${{process.env.ROUTEPLEX_URL}}{call.path}`{given});\n"
        f"if (!answer.ok) throw new Error(await answer.text());\nconsole.log({told});\n"
    )


def snippets(name: str, call: Call) -> Mapping[str, tuple[str, str]]:
    """By label: the language, and the text."""
    own = _WITH_SDKS.get(name, {})
    return {
        "curl": ("sh", shell(call)),
        "Python": ("python", own.get("Python") or python(call)),
        "Node": ("js", own.get("Node") or node(call)),
    }


# --- values, as a language writes them


def _as_python(value: Any, **_: Any) -> str:
    if value is True or value is False or value is None:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _literal(value: Any, plain: Callable[..., str], indent: int, taken: int) -> str:
    """On one line where it fits, else an entry a line."""
    flat = _flat(value, plain)
    if len(flat) + taken <= WIDTH or not isinstance(value, Mapping):
        return flat
    entries = "".join(f"{' ' * indent}{json.dumps(name)}: {_flat(one, plain)},\n" for name, one in value.items())
    return f"{{\n{entries}}}"


def _flat(value: Any, plain: Callable[..., str]) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)}: {_flat(one, plain)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flat(one, plain) for one in value) + "]"
    return plain(value, ensure_ascii=False)


# --- with OpenAI's SDKs

_IN_PYTHON = """import os

import openai

client = openai.OpenAI(base_url=os.environ["ROUTEPLEX_URL"] + "/v1", api_key=os.environ["ROUTEPLEX_API_KEY"])
"""
_IN_NODE = """import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.ROUTEPLEX_URL + "/v1",
  apiKey: process.env.ROUTEPLEX_API_KEY,
});
"""
_WITH_SDKS: Mapping[str, Mapping[str, str]] = {
    "create_chat_completion": {
        "Python": f"""{_IN_PYTHON}answer = client.chat.completions.create(
    model="routeplex-ai",
    messages=[{{"role": "user", "content": "Why is the sky blue?"}}],
)
print(answer.choices[0].message.content, answer.x_routeplex["model"])
""",
        "Node": f"""{_IN_NODE}const answer = await client.chat.completions.create({{
  model: "routeplex-ai",
  messages: [{{ role: "user", content: "Why is the sky blue?" }}],
}});
console.log(answer.choices[0].message.content, answer.x_routeplex.model);
""",
    },
    "list_models": {
        "Python": f"{_IN_PYTHON}for model in client.models.list():\n    print(model.id)\n",
        "Node": f"{_IN_NODE}for await (const model of client.models.list()) console.log(model.id);\n",
    },
}
