"""Bad input gets a clear answer that says what to do, in a body that OpenAI's SDKs and the native clients both read."""

import json

import httpx
import pytest

from gateway.buckets import Full, RateLimited
from gateway.errors import PROVIDER_TABLE, TABLE, IdempotencyUnknown, ProviderError, describe
from routing.types import RateLimit

GOOD = {"model": "alpha-1", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def post(server, acme):
    def post(body, **headers):
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        headers = {"authorization": f"Bearer {acme.key}", "content-type": "application/json", **headers}
        return httpx.post(f"{server}/v1/chat/completions", content=content, headers=headers)

    return post


BAD_BODIES = {
    "not json": (b"{", 400, "bad_request", None),
    "empty": (b"", 400, "bad_request", None),
    "not an object": (b"[]", 400, "validation_error", None),
    "bad utf-8": (b'{"model": "\xff"}', 400, "bad_request", None),
    "a number beyond all bounds": ({**GOOD, "max_tokens": 10**30}, 400, "validation_error", "max_tokens"),
    "infinity": (b'{"temperature": 1e999, "model": "alpha-1", "messages": []}', 400, "validation_error", "temperature"),
    "not a number": (b'{"temperature": NaN}', 400, "bad_request", None),
    "deep": (b"[" * 100_000, 400, "bad_request", None),
    "deep in a field": ({**GOOD, "metadata": json.loads("[" * 70 + "]" * 70)}, 400, "bad_request", None),
    "no model": ({"messages": GOOD["messages"]}, 400, "validation_error", "model"),
    "no messages": ({"model": "alpha-1"}, 400, "validation_error", "messages"),
    "empty messages": ({**GOOD, "messages": []}, 400, "empty_messages", "messages"),
    "wrong type": ({**GOOD, "temperature": "hot"}, 400, "validation_error", "temperature"),
    "wrong role": ({**GOOD, "messages": [{"role": "robot", "content": ""}]}, 400, "validation_error", "messages[0].role"),
    "wrong part": (
        {**GOOD, "messages": [{"role": "user", "content": [{"type": "text"}]}]},
        400, "validation_error", "messages[0].content[0].text",
    ),
    "temperature out of range": ({**GOOD, "temperature": 3}, 400, "validation_error", "temperature"),
    "no tokens": ({**GOOD, "max_tokens": 0}, 400, "validation_error", "max_tokens"),
    "stream options without a stream": ({**GOOD, "stream_options": {}}, 400, "validation_error", "stream_options"),
    "unknown model": ({**GOOD, "model": "alpha-2"}, 404, "invalid_model", "model"),
    "what the model cannot do": ({**GOOD, "model": "beta-1", "logprobs": True}, 400, "validation_error", "logprobs"),
    "too long an answer": ({**GOOD, "max_tokens": 100_000}, 400, "validation_error", "max_tokens"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body(post, name):
    body, status, code, param = BAD_BODIES[name]
    answer = post(body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param), error
    assert answer.json()["success"] is False
    assert error["message"]
    assert answer.headers["x-request-id"].startswith("req_")


BAD_HEADERS = {
    "X-RoutePlex-Strategy": "best",
    "X-RoutePlex-Fallback": "sometimes",
    "X-RoutePlex-Timeout": "soon",
    "X-RoutePlex-First-Token-Timeout": "-1",
    "X-RoutePlex-Unsupported": "explode",
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_a_bad_header(post, name):
    answer = post(GOOD, **{name: BAD_HEADERS[name]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


def test_the_unknown_model_s_neighbours_are_suggested(post):
    assert "alpha" in post({**GOOD, "model": "alpha-2"}).json()["error"]["message"]


def test_a_lone_surrogate_is_refused_or_replaced_but_never_a_crash(post, provider):
    answer = post(b'{"model": "alpha-1", "messages": [{"role": "user", "content": "\\ud800"}]}')
    assert answer.status_code == 400


def test_a_body_over_the_limit(post, settings):
    settings.MAX_BODY_BYTES = 2048
    answer = post({**GOOD, "user": "x" * 3000})
    assert (answer.status_code, answer.json()["error"]["details"]["limit_bytes"]) == (413, 2048)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "unauthenticated"),
        ("Bearer", "unauthenticated"),
        ("Basic abc", "unauthenticated"),
        ("Bearer sk-123", "invalid_api_key"),
        ("Bearer rp_live_" + "a" * 49, "invalid_api_key"),
    ],
)
def test_no_or_bad_key(server, authorization, code):
    headers = {"authorization": authorization} if authorization else {}
    answer = httpx.post(f"{server}/v1/chat/completions", json=GOOD, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_other_paths_and_methods(server, acme):
    headers = {"authorization": f"Bearer {acme.key}"}
    assert httpx.get(f"{server}/v1/nothing", headers=headers).json()["error"]["code"] == "not_found"
    refused = httpx.get(f"{server}/v1/chat/completions", headers=headers)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_a_slash_at_the_end_makes_no_difference(server, acme):
    headers = {"authorization": f"Bearer {acme.key}"}
    answer = httpx.post(f"{server}/v1/chat/completions/", json={"model": "nobody", "messages": []}, headers=headers)
    assert answer.json()["error"]["code"] == "empty_messages"


def test_headers_beyond_all_bounds(server, acme):
    answer = httpx.get(f"{server}/v1/models", headers={"authorization": f"Bearer {acme.key}", "x-long": "x" * 70_000})
    assert answer.status_code == 431


def test_a_refused_request_leaves_a_row(post, acme, logged):
    post({**GOOD, "model": "alpha-2"})
    post(b"{")
    assert [(r.status, r.error_code, r.requested_model) for r in logged(tenant=acme.tenant)] == [
        ("refused", "invalid_model", "alpha-2"),
        ("refused", "bad_request", ""),
    ]


def test_every_row_of_the_table_answers():
    full = RateLimited(RateLimit(owner="key", requests_per_minute=1), Full(0, "requests", 1_000_000, 0))
    made = {RateLimited: lambda: full, IdempotencyUnknown: lambda: IdempotencyUnknown("req_1", "too_long", "it is")}
    for kind, row in TABLE.items():
        answer = describe(made.get(kind, lambda kind=kind: kind("why"))())
        assert (answer.status, answer.code, answer.type) == (row.status, row.code, row.type)
        assert answer.message
    for kind, row in PROVIDER_TABLE.items():
        assert describe(ProviderError(kind, "why")).status == row.status


def test_what_no_row_knows_is_our_fault_and_says_nothing():
    answer = describe(RuntimeError("secret"))
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "secret" not in answer.message
