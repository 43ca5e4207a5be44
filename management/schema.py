"""The API described, as OpenAPI 3.1: the management API from its own operations, what callers ask from management/calling.py.

Schemas are those of the Structs that read bodies and write answers: nothing is described twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from msgspec import Struct

from gateway.operations import Operation, Operations, operations_of
from gateway.problems import MEDIA_TYPE, Problem
from management import examples
from management.snippets import call_of, snippets

REF = "#/components/schemas/{name}"
KEYS: Mapping[str, Any] = {
    "managementKey": {"type": "http", "scheme": "bearer", "description": "A management key, `rp_admin_…`."},
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key, `rp_live_…` or `rp_test_…`."},
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Signed in, with `X-CSRFToken` to write."},
}
PATH_TYPES: Mapping[str, Mapping[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
    "str": {"type": "string", "minLength": 1},
    "slug": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    "path": {"type": "string", "minLength": 1},
}
ALWAYS = ("400", "401", "403", "404", "429", "503")


def described(kind: Any, components: Any) -> Mapping[str, Any]:
    """The schema of a type; what it refers to goes into the components."""
    (schema,), found = msgspec.json.schema_components((kind,), ref_template=REF)
    for name, one in found.items():
        component: Any = ResolvedComponent  # it has no types
        components.register_on_missing(component(name=name, type=component.SCHEMA, schema=one, object=name))
    return schema


class Schema(AutoSchema):
    """Of an Operations' method, what its Operation says."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        about = operations_of(type(self.view)).get(method)
        if about is None:
            return None
        return operation_object(about, path_regex, method, registry)


def operation_object(about: Operation, path_regex: str, method: str, registry: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": about.id,
        "summary": about.summary,
        "tags": [about.scope.partition(":")[0]],
        "parameters": [*_path(path_regex), *_query(about, registry), *_headers(about)],
        "security": _security(about),
        "responses": _responses(about, registry),
        "x-scope": about.scope,
    }
    if about.description:
        found["description"] = about.description
    if about.body is not None:
        content = {"application/json": {"schema": described(about.body, registry)}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _security(about: Operation) -> list[Mapping[str, list[str]]]:
    return [{"managementKey": []}, {"session": []}, *([{"apiKey": []}] if about.callers else [])]


def _path(pattern: str) -> Iterator[Mapping[str, Any]]:
    for kind, name in re.findall(r"<(\w+):(\w+)>", pattern):
        yield {"name": name, "in": "path", "required": True, "schema": PATH_TYPES[kind]}


def _query(about: Operation, registry: Any) -> Iterator[Mapping[str, Any]]:
    if about.query is not None:
        yield from parameters_of(about.query)
    if not about.scope.startswith("platform"):
        told = "Whose, by slug or id: of people with several tenants who are signed in. Keys have one."
        yield {"name": "tenant", "in": "query", "schema": {"type": "string"}, "description": told}


def parameters_of(query: type[Struct]) -> Iterator[Mapping[str, Any]]:
    whole = msgspec.json.schema_components((query,), ref_template=REF)[1][query.__name__]
    for name, schema in whole["properties"].items():
        yield {"name": name, "in": "query", "schema": _of_text(schema)}


def _of_text(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """As it stands in an address: what is not given is left out, there is no null."""
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(kinds) == 1:
        return kinds[0]  # type: ignore[no-any-return]
    found = {name: value for name, value in schema.items() if name != "default" or value is not None}
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    return found


def _headers(about: Operation) -> Iterator[Mapping[str, Any]]:
    if about.creates:
        told = "Asked again with the same key and body within 24 hours: the same answer, and nothing made twice."
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": "Idempotency-Key", "in": "header", "schema": schema, "description": told}
    if about.edits:
        told = "The ETag of what was read: refused with 412 where somebody has changed it since."
        yield {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": told}
    if about.reads:
        yield {
            "name": "If-None-Match",
            "in": "header",
            "schema": {"type": "string"},
            "description": "An ETag: 304 where it holds.",
        }


def _responses(about: Operation, registry: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {str(about.status): _answer(about, registry)}
    if about.reads:
        found["304"] = {"description": "As it was."}
    refused = {*ALWAYS, *(("409",) if not about.reads else ()), *(("412",) if about.edits else ())}
    refused |= {"422"} if about.creates else set()
    refused |= {"413"} if about.body is not None else set()
    described(Problem, registry)
    return found | {status: {"$ref": "#/components/responses/Problem"} for status in sorted(refused)}


def _answer(about: Operation, registry: Any) -> Mapping[str, Any]:
    if about.status == 204:
        return {"description": "Done."}
    if about.media_type != "application/json":
        return {"description": about.summary, "content": {about.media_type: {"schema": {"type": "string"}}}}
    schema: Any = described(about.answer, registry)
    properties: dict[str, Any] = {
        "success": {"const": True},
        "data": {"type": "array", "items": schema} if about.listed else schema,
    }
    if about.listed:
        properties["next"] = {"type": ["string", "null"], "description": "The cursor of the page behind; null: this is the last."}
    whole = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": about.summary, "content": {"application/json": {"schema": whole}}}


# --- how each is asked


def _add_examples(paths: Mapping[str, Any]) -> None:
    for path, methods in paths.items():
        for method, about in methods.items():
            name, body = about["operationId"], examples.BODIES.get(about["operationId"])
            for parameter in about["parameters"]:
                if parameter["in"] == "path":
                    parameter["example"] = examples.PATH[parameter["name"]]
            if body is not None:
                about["requestBody"]["content"]["application/json"]["example"] = body
            asked = re.sub(r"{(\w+)}", lambda found: examples.PATH[found[1]], path)
            call = call_of(method, asked, examples.QUERIES.get(name, {}), _key_of(about), body, _answers(about))
            about["x-codeSamples"] = [
                {"lang": language, "label": label, "source": text} for label, (language, text) in snippets(name, call).items()
            ]


def _key_of(about: Mapping[str, Any]) -> str:
    """The variable of the environment that holds what opens it."""
    ways = {way for one in about["security"] for way in one}
    return "ROUTEPLEX_MANAGEMENT_KEY" if "managementKey" in ways else "ROUTEPLEX_API_KEY" if ways else ""


def _answers(about: Mapping[str, Any]) -> str:
    content = next(told for status, told in about["responses"].items() if status.startswith("2")).get("content", {})
    return "nothing" if not content else "json" if "application/json" in content else "text"


def only_ours(endpoints: list[Any]) -> list[Any]:
    """A hook: other views describe themselves in management/calling.py."""
    return [one for one in endpoints if issubclass(one[3].cls, Operations)]


def with_keys(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """A hook: how one comes in, and what callers ask."""
    from management import calling

    result["components"]["securitySchemes"] = dict(KEYS)
    calling.add(result, generator.registry)
    _add_examples(result["paths"])
    problem = {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}}
    result["components"]["responses"] = {
        "Problem": {"description": "What went wrong, as RFC 9457 tells it.", "content": problem},
        "Refused": {"description": "What went wrong.", "content": calling.refused(generator.registry)},
    }
    result["components"]["schemas"] = dict(sorted(generator.registry.build({}).get("schemas", {}).items()))
    return result
