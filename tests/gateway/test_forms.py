"""Whether an answer had the form that was asked for is recorded with its attempt: whole, streamed, and for calls of tools."""

from __future__ import annotations

import json
import time

import pytest

from gateway import forms
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER, DONE, FINISH, ROLE, chunk

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}


def whole(**message):
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return scripted.whole({**ANSWER, "choices": [choice]})


def call(arguments, name="look"):
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("content", "kept"), [('{"n": 1}', True), ('{"n": "one"}', False), ("Here it is: {}", False), ('{"n": 1, "m": 2}', False)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_json_by_a_schema(ask, provider, logged, content, kept, stream):
    pieces = [chunk({"content": piece}) for piece in (content[:4], content[4:])]
    provider.say("alpha", scripted.stream(ROLE, *pieces, FINISH, DONE) if stream else whole(content=content))
    answer = ask(response_format=AS_SCHEMA, stream=stream)
    if stream:
        list(answer)
    [row] = logged()
    assert (row.attempts[0]["in_form"], row.attempts[0]["finish"]) == (kept, "stop")


@pytest.mark.parametrize(("content", "kept"), [("{}", True), ("[]", False), ("no", False)])
def test_any_json_object(ask, provider, logged, content, kept):
    provider.say("alpha", whole(content=content))
    ask(response_format={"type": "json_object"})
    assert logged()[0].attempts[0]["in_form"] is kept


def test_where_no_form_was_asked_for_nothing_is_checked(ask, provider, logged):
    provider.say("alpha", scripted.whole(ANSWER))
    ask()
    assert logged()[0].attempts[0]["in_form"] is None


@pytest.mark.parametrize(
    ("arguments", "name", "kept"),
    [('{"n": 1}', "look", True), ('{"n": ', "look", False), ('{"m": 1}', "look", False), ('{"n": 1}', "another", False)],
)
def test_calls_of_tools(arguments, name, kept):
    from routing.chat import ChatBody, FunctionDefinition, FunctionTool, UserMessage

    tool = FunctionTool(function=FunctionDefinition(name="look", parameters=SCHEMA))
    body = ChatBody(model="x", messages=[UserMessage(content="Hi")], tools=[tool])
    form = forms.asked(body)
    assert form is not None
    message = {"content": None, "tool_calls": [call(arguments, name)]}
    assert forms.kept(form, {"message": message, "finish_reason": "tool_calls"}) is kept
    said = {"message": {"content": "Hello"}, "finish_reason": "stop"}
    assert forms.kept(form, said) is None, "a text instead of a call is an answer"


def test_what_was_cut_off_or_refused_is_not_judged():
    form = forms.Form(json.dumps(SCHEMA).encode(), {})
    assert forms.kept(form, {"message": {"content": '{"n":'}, "finish_reason": "length"}) is None
    assert forms.kept(form, {"message": {"content": "", "refusal": "no"}, "finish_reason": "stop"}) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$schema": "http://127.0.0.1:9/meta"},
        {"type": "nonsense"},
        {"pattern": "("},
        {"enum": list(range(100_000))},
    ],
)
def test_a_schema_that_cannot_be_checked_here_leaves_json_and_asks_nobody(schema):
    text = json.dumps(schema).encode()
    assert forms.fits(text, "{}") is True
    assert forms.fits(text, "{") is False


def test_patterns_are_read_in_linear_time():
    schema = json.dumps({"type": "string", "pattern": "^(a+)+$"}).encode()
    began = time.monotonic()
    assert forms.fits(schema, json.dumps("a" * 5000 + "b")) is False
    assert time.monotonic() - began < 5
