"""What is described is what is there: requests made up from the description (schemathesis), by whoever may ask; no 500, no
status, type or body that was not declared. How many of each: FUZZ_EXAMPLES (.ci/run makes thousands)."""

import os
from functools import cache

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from schemathesis.checks import (
    Failure,
    FailureGroup,
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from management import reference

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FAREWELL = ("delete_tenant", "revoke_management_key", "revoke_operator_key", "remove_member", "change_platform_tenant")
"""Whoever is gone asks nothing more: tests of their own do these."""


@cache
def described():
    import json

    return json.loads(reference.description())


def operations():
    for path, methods in described()["paths"].items():
        for method, about in methods.items():
            yield about["operationId"], path, method


def test_the_description_is_whole_and_names_each_once(server):
    import httpx

    told = httpx.get(f"{server}/api/v1/openapi.json")
    assert told.status_code == 200 and told.json()["openapi"].startswith("3.1")
    names = [name for name, _, _ in operations()]
    assert len(names) == len(set(names)) >= 105
    assert {"create_chat_completion", "chat", "list_keys", "replay", "put_plan"} <= set(names)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("who", ["owner", "admin", "member", "viewer", "operator", "caller"])
def test_what_is_described_is_what_is_there(server, as_role, people, things, client, who, settings):
    settings.MANAGEMENT_REQUESTS_PER_MINUTE = 1_000_000
    schema = schemathesis.openapi.from_dict(described())
    schema.config.base_url = server
    session = client(people.key) if who == "caller" else as_role(who)
    header = {"authorization": session.headers["authorization"]}
    asked, wrong = 0, {}
    for name, path, method in operations():
        if name not in FAREWELL:
            try:
                asked += _asked(schema[path][method], header, vars(things))
            except (Failure, FailureGroup) as failure:
                wrong[name] = str(failure)
    assert not wrong, "\n\n".join(f"{name}: {told}" for name, told in wrong.items())
    assert asked >= 100 * min(EXAMPLES, 2)


def _asked(operation, header, things):
    count = 0

    @given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        nonlocal count
        count += 1
        for name in case.path_parameters or {}:
            if count % 2 and name in things:
                case.path_parameters[name] = str(things[name])
        case.call_and_validate(headers=header, checks=CHECKS, timeout=30)

    ask()
    return count
