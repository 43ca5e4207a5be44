"""The native API beyond what its published clients ask: tools, paces, hang-ups, no redirects, free endpoints and their limit."""

from __future__ import annotations

import json

import httpx
import pytest

from gateway import visitors
from tests.gateway.conftest import ANSWER, FINISH, ROLE, STREAM, USAGE, chunk
from tests.upstream import stream, whole

HI = {"mode": "manual", "model": "alpha-1", "messages": [{"role": "user", "content": "Hi"}]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
PATIENCE_S = 20.0


@pytest.fixture
def api(server, acme):
    visitors.forget()
    with httpx.Client(base_url=f"{server}/api/v1", headers={"authorization": f"Bearer {acme.key}"}, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def anybody(server, acme):
    visitors.forget()
    with httpx.Client(base_url=f"{server}/api/v1", timeout=PATIENCE_S) as client:
        yield client


def events(response):
    return [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data: ")]


def parsed(response):
    *told, last = events(response)
    assert last == "[DONE]"
    return [json.loads(line) for line in told]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat", HI),
        ("/chat/completions", {"model": "alpha-1", "messages": HI["messages"]}),
        ("/chat/estimate", HI),
        ("/chat/enhance", {"prompt": "hi"}),
        ("/models", None),
    ],
)
def test_nothing_redirects(api, provider, path, body, slash):
    provider.say("alpha", whole(ANSWER))
    answer = api.get(path + slash) if body is None else api.post(path + slash, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"


def test_a_request_leaves_the_same_record_as_on_v1(api, provider, logged):
    provider.say("alpha", whole(ANSWER))
    answer = api.post("/chat", json=HI)
    [row] = logged(request_id=answer.json()["data"]["id"])
    assert answer.headers["x-request-id"] == row.request_id
    assert (row.model, row.input_tokens, row.output_tokens) == ("alpha/alpha-1", 10, 5)


def test_the_alias_speaks_openai_s_format(api, provider):
    provider.say("alpha", whole(ANSWER))
    answer = api.post("/chat/completions", json={"model": "alpha-1", "messages": HI["messages"]}).json()
    assert answer["choices"][0]["message"]["content"] == "Hello!"


@pytest.mark.parametrize(
    ("more", "mode"),
    [
        ({"model": "alpha-1"}, "manual"),
        ({}, "routeplex-ai"),
        ({"model": "routeplex-ai"}, "routeplex-ai"),
        ({"mode": None}, "routeplex-ai"),
    ],
)
def test_the_mode_where_none_is_sent(api, provider, more, mode):
    provider.say("alpha", whole(ANSWER))
    answer = api.post("/chat", json={"messages": HI["messages"], **more})
    assert answer.json()["data"]["routing_mode"] == mode


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"mode": "best"}, "invalid_mode", "mode"),
        ({"mode": 7}, "invalid_mode", "mode"),
        ({"model": None}, "invalid_model", "model"),
        ({"n": 2}, "validation_error", "n"),
        ({"stream_mode": "slow"}, "validation_error", "stream_mode"),
        ({"max_output_tokens": 20_000, "model": "alpha-1"}, "validation_error", "max_output_tokens"),
        ({"mode": "routeplex-ai", "strategy": "cheapest"}, "validation_error", "strategy"),
        ({"messages": None}, "validation_error", "messages"),
    ],
)
def test_what_cannot_be_is_named(api, more, code, param):
    error = api.post("/chat", json={**HI, **more}).json()["error"]
    assert (error["code"], error["param"]) == (code, param)


def test_a_body_that_is_not_json(api):
    assert api.post("/chat", content=b"{").json()["error"]["code"] == "bad_request"


def test_unknown_fields_and_nulls_are_no_mistakes(api, provider):
    provider.say("alpha", whole(ANSWER))
    answer = api.post("/chat", json={**HI, "temperature": None, "strategy": None, "attachments": [1], "nonsense": {}})
    assert answer.status_code == 200, answer.text
    assert {"attachments", "nonsense", "mode", "strategy"}.isdisjoint(provider.requests[0].json)


def test_without_a_limit_the_answer_has_512_tokens(api, provider):
    provider.say("alpha", whole(ANSWER))
    api.post("/chat", json=HI)
    assert provider.requests[0].json["max_completion_tokens"] == 512


def test_tools_pass_through(api, provider):
    message = {"role": "assistant", "content": None, "tool_calls": [{k: v for k, v in CALL.items() if k != "index"}]}
    provider.say("beta", whole({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}))
    data = api.post("/chat", json={**HI, "model": "beta-1", "tools": [TOOL]}).json()["data"]
    assert data["tool_calls"][0]["function"]["name"] == "weather"
    assert (data["output"], data["finish_reason"]) == ("", "tool_calls")
    assert provider.requests[0].json["tools"] == [TOOL]


def test_tools_in_a_stream(api, provider):
    provider.say(
        "beta", stream(ROLE, chunk({"content": "Let me see."}), chunk({"tool_calls": [CALL]}), chunk({}, "tool_calls"), USAGE)
    )
    told = parsed(api.post("/chat", json={**HI, "model": "beta-1", "tools": [TOOL], "stream": True}))
    assert [event["type"] for event in told] == ["start", "routing", "delta", "part", "done"]
    assert told[3]["tool_calls"] == [CALL]
    assert told[4]["finish_reason"] == "tool_calls"


# --- streams


def test_the_routing_event_tells_who_answers(api, provider):
    provider.say("alpha", stream(*STREAM))
    told = {event["type"]: event for event in parsed(api.post("/chat", json={**HI, "stream": True}))}
    assert told["routing"]["model"] == "alpha/alpha-1" and told["routing"]["routing_mode"] == "manual"


def test_a_stream_is_not_compressed_nor_buffered(api, provider):
    provider.say("alpha", stream(*STREAM))
    answer = api.post("/chat", json={**HI, "stream": True}, headers={"accept-encoding": "gzip, deflate", "accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers and "content-length" not in answer.headers


@pytest.mark.parametrize(("mode", "most"), [("buffered", 3), ("realtime", 40)])
def test_the_pace(api, provider, mode, most):
    """Forty pieces that come at once leave together at either pace; nothing is lost or changes its place."""
    words = [f"w{n} " for n in range(40)]
    provider.say("alpha", stream(ROLE, *[chunk({"content": word}) for word in words], FINISH, USAGE))
    told = parsed(api.post("/chat", json={**HI, "stream": True, "stream_mode": mode}))
    deltas = [event["content"] for event in told if event["type"] == "delta"]
    assert "".join(deltas) == "".join(words)
    assert 1 <= len(deltas) <= most


def test_text_that_waits_leaves_before_the_next_comes(api, provider):
    provider.say("alpha", stream(ROLE, chunk({"content": "Wait"}), PATIENCE_S, FINISH, USAGE))
    with api.stream("POST", "/chat", json={**HI, "stream": True}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["type"] == "delta":
                assert json.loads(line[6:])["content"] == "Wait"
                return
    pytest.fail("the text never left")


@pytest.mark.parametrize("streams", [True, False])
def test_who_hangs_up_ends_the_provider_s_answer(api, provider, streams, logged):
    pieces = (ROLE, chunk({"content": "Hel"}), PATIENCE_S) if streams else (PATIENCE_S,)
    provider.say("alpha", stream(*pieces))
    if streams:
        with api.stream("POST", "/chat", json={**HI, "stream": True}) as answer:
            next(answer.iter_bytes())
    else:
        with pytest.raises(httpx.ReadTimeout):
            api.post("/chat", json=HI, timeout=httpx.Timeout(PATIENCE_S, read=1.0))
    assert provider.requests[0].hung_up.wait(PATIENCE_S / 2)


# --- what is free


def test_free_endpoints_do_not_mind_a_bad_key(anybody):
    bad = {"authorization": "Bearer rp_live_nonsense"}
    assert anybody.get("/models", headers=bad).status_code == 200
    assert anybody.post("/chat/estimate", json=HI, headers=bad).status_code == 200
    assert anybody.post("/chat/enhance", json={"prompt": "hi"}, headers=bad).status_code == 200
    assert anybody.post("/chat", json=HI).json()["error"]["code"] == "unauthenticated"


def test_free_endpoints_are_limited_by_address(anybody, monkeypatch):
    monkeypatch.setattr(visitors, "PER_MINUTE", 2)
    answers = [anybody.post("/chat/enhance", json={"prompt": "hi"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "rate_limited"
    assert int(answers[2].headers["retry-after"]) > 0


def test_an_estimate_for_all(anybody):
    data = anybody.post("/chat/estimate", json={**HI, "mode": "routeplex-ai", "model": "all"}).json()["data"]
    models = {told["model"]: told for told in data["models"]}
    assert {"alpha-1", "beta-1", "gpt-5.4-mini"} <= models.keys()
    assert models["gpt-5.4-mini"]["confidence"] == "high" and models["ant-1"]["confidence"] == "medium"
    assert models["beta-1"]["highest_cost_usd"] == pytest.approx(10 * models["alpha-1"]["highest_cost_usd"])
    assert data["model"] == data["models"][0]["model"]


def test_a_picture_makes_an_estimate_a_guess(anybody):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": [picture]}]}
    assert anybody.post("/chat/estimate", json=body).json()["data"]["confidence"] == "low"


def test_enhancement_on_v1_by_its_header(server, acme, provider):
    provider.say("alpha", whole(ANSWER))
    headers = {"authorization": f"Bearer {acme.key}", "x-routeplex-enhance": "true"}
    body = {"model": "alpha-1", "messages": [{"role": "user", "content": "compare react and vue"}]}
    answer = httpx.post(f"{server}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE_S).json()
    assert answer["x_routeplex"]["enhancement"]["applied"] is True
    assert provider.requests[0].json["messages"][0]["content"].startswith("compare react and vue\n\n")
