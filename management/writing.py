"""docs/endpoints/: a page for each group of operations, from the API's description alone. `manage.py write_docs` writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TITLES: Mapping[str, str] = {
    "calling": "Ask models",
    "native": "Ask models, in the native format",
    "deciding": "Decisions",
    "keys": "Keys",
    "members": "Members and invitations",
    "budgets": "Budgets and limits",
    "routing": "Routing and strategies",
    "credentials": "Keys at providers",
    "usage": "Usage",
    "requests": "Requests and feedback",
    "learning": "Learning",
    "webhooks": "Webhooks",
    "audit": "Audit log",
    "tenant": "The tenant",
    "platform": "For operators",
}
"""By tag, in the order of the pages."""

EVERYWHERE = {"tenant", "If-None-Match", "If-Match", "Idempotency-Key"}  # docs/management-api.md tells of them
NOTE = "<!-- written by `manage.py write_docs` from the API's own description: change that -->\n"
INTRODUCTION = """\
Each operation with what it takes, what it answers, and how to ask it with curl, from Python and from Node. Programs find
`ROUTEPLEX_URL`, the address of the installation, `ROUTEPLEX_API_KEY`, an API key, and `ROUTEPLEX_MANAGEMENT_KEY`, a
[management key](../management-api.md#management-keys), in their environment. The same description is at `/api/docs`, to try it,
and at `/api/v1/openapi.json`, for programs. A test runs each of these snippets."""
Described = Mapping[str, Any]


def pages(description: Described) -> dict[str, str]:
    """By file name, below docs/endpoints."""
    grouped: dict[str, list[str]] = {tag: [] for tag in TITLES}
    shapes: dict[str, set[str]] = {tag: set() for tag in TITLES}
    for path, methods in description["paths"].items():
        for method, about in methods.items():
            tag = about["tags"][0]
            grouped[tag].append(_operation(path, method, about, description))
            shapes[tag] |= {*_shapes_of(_answer(about), description), *_shapes_of(_asked(about, description), description)}
    return {
        f"{tag}.md": f"{NOTE}\n# {title}\n\n" + "\n".join([*grouped[tag], *_shapes(sorted(shapes[tag]), description)])
        for tag, title in TITLES.items()
    } | {"index.md": _index()}


def _index() -> str:
    listed = "\n".join(f"- [{title}]({tag}.md)" for tag, title in TITLES.items())
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(TITLES) + "\n```"
    return f"{NOTE}\n# Every endpoint\n\n{INTRODUCTION}\n\n{listed}\n\n{tree}\n"


# --- one operation


def _operation(path: str, method: str, about: Described, description: Described) -> str:
    parts = [f"## {about['summary']}", f"`{method.upper()} {path}`{_allowed(about)}"]
    if "description" in about:
        parts.append(about["description"])
    parts += [text for text in (_parameters(about), _body(about, description), _told(about)) if text]
    return "\n\n".join(parts) + "\n\n" + _tabs(about["x-codeSamples"])


def _allowed(about: Described) -> str:
    if "x-scope" in about:
        return f" · scope `{about['x-scope']}`"
    return "" if any(about["security"]) and about["security"] != [{}] else " · no key needed"


def _parameters(about: Described) -> str:
    rows = [
        f"| `{one['name']}` | {one['in']} | {'. '.join(filter(None, (_kind(one['schema']), one.get('description'))))} |"
        for one in about["parameters"]
        if one["name"] not in EVERYWHERE
    ]
    return "\n".join(["| parameter | in | what |", "|---|---|---|", *rows]) if rows else ""


def _body(about: Described, description: Described) -> str:
    shape = _asked(about, description)
    if shape is None:
        return ""
    told = f" {shape['description']}" if shape.get("description") else ""
    return f"The body, in JSON:{_one_line(told)}\n\n{_fields(shape)}"


def _asked(about: Described, description: Described) -> Described | None:
    """The shape of the body."""
    content = about.get("requestBody", {}).get("content", {})
    return _resolved(content["application/json"]["schema"], description) if content else None


def _told(about: Described) -> str:
    status = next(status for status in about["responses"] if status.startswith("2"))
    schema = _answer(about)
    if schema is None:
        return f"Answers {status}" + (", without a body." if status == "204" else ", as a file.")
    name = _name_of(schema)
    told = f" with {'a list of ' if 'items' in schema else ''}[{name}](#{name.lower()})" if name else ", in JSON"
    return f"Answers {status}{told}."


def _tabs(samples: Sequence[Described]) -> str:
    items = "".join(
        f":::{{tab-item}} {one['label']}\n:sync: {one['label'].lower()}\n\n```{one['lang']}\n{one['source']}```\n\n:::\n\n"
        for one in samples
    )
    return f"::::{{tab-set}}\n:sync-group: language\n\n{items}::::\n"


# --- shapes


def _answer(about: Described) -> Described | None:
    """The schema of what is answered: of `data`, where it is in an envelope."""
    told = next(told for status, told in about["responses"].items() if status.startswith("2"))
    schema = told.get("content", {}).get("application/json", {}).get("schema")
    return schema if schema is None or "properties" not in schema else schema["properties"].get("data", schema)


def _name_of(schema: Described) -> str:
    return _reference(schema) or _reference(schema.get("items", {}))


def _reference(schema: Described) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _resolved(schema: Described, description: Described) -> Described:
    name = _reference(schema)
    return description["components"]["schemas"][name] if name else schema  # type: ignore[no-any-return]


def _shapes_of(schema: Any, description: Described) -> Iterator[str]:
    """The names of all shapes in one."""
    seen: set[str] = set()
    waiting = [schema]
    while waiting:
        for name in re.findall(r"#/components/schemas/(\w+)", str(waiting.pop())):
            if name not in seen:
                seen.add(name)
                waiting.append(description["components"]["schemas"][name])
    yield from seen


def _shapes(names: Sequence[str], description: Described) -> Iterator[str]:
    if names:
        yield "## What the answers and bodies hold\n"
    for name in names:
        shape = description["components"]["schemas"][name]
        told = f"{_one_line(shape['description'])}\n\n" if shape.get("description") else ""
        yield f"### {name}\n\n{told}{_fields(shape)}\n"


def _fields(shape: Described) -> str:
    needed = set(shape.get("required", ()))
    optional = len(needed) < len(shape.get("properties", {}))
    rows = [
        f"| `{name}` | {_kind(schema)}{', required' if optional and name in needed else ''} |"
        for name, schema in shape.get("properties", {}).items()
    ]
    return "\n".join(["| field | what |", "|---|---|", *rows]) if rows else f"`{_kind(shape)}`"


def _kind(schema: Described) -> str:
    """A schema in a few words."""
    if name := _reference(schema):
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[several])) + _default(schema)
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{'null' if value is None else value}`" for value in values) + _default(schema)
    kind = schema.get("type", "anything")
    kinds = [kind] if isinstance(kind, str) else kind
    if kinds == ["array"]:
        return f"list of {_kind(schema.get('items', {}))}"
    words = {"object": "object", "null": "null", "uuid": "UUID", "date": "day", "date-time": "time"}
    text = " or ".join(words.get(schema.get("format", one), words.get(one, one)) for one in kinds)
    return text + _bounds(schema) + _default(schema)


def _bounds(schema: Described) -> str:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    if low is not None:
        return f", at least {low:,}" if "minimum" in schema else f", above {low:,}"
    return f", up to {schema['maxLength']:,} characters" if "maxLength" in schema else ""


def _default(schema: Described) -> str:
    value = schema.get("default")
    return f", default `{json.dumps(value) if not isinstance(value, str) else value}`" if value not in (None, "", [], {}) else ""


def _one_line(text: str) -> str:
    """Docstrings are broken where the code is; and a cell of a table has no bar."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
