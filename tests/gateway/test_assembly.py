"""A streamed answer put together is the whole answer, however it was cut."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.assembly import assembled


def part(delta, index=0, finish=None):
    return {"index": index, "delta": delta, "finish_reason": finish}


def message(choice):
    return choice["message"]


@given(st.lists(st.tuples(st.integers(0, 2), st.text(max_size=5), st.booleans())))
def test_text_is_joined_by_choice(said):
    pieces = [[part({"content": text}, index)] for index, text, _ in said]
    raw = [msgspec.json.encode({"choices": p})[1:] if said[n][2] else p for n, p in enumerate(pieces)]
    choices = {choice["index"]: message(choice)["content"] for choice in assembled(raw)}
    assert choices == {index: "".join(t for i, t, _ in said if i == index) for index in {i for i, _, _ in said}}


def test_tool_calls_are_joined_by_their_index():
    def call(index, **function):
        return {"index": index, "function": function}

    pieces = [
        [
            part(
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "a", "type": "function", **call(0, name="f", arguments="")}],
                }
            )
        ],
        [part({"tool_calls": [call(0, arguments='{"x"')]})],
        [part({"tool_calls": [{"id": "b", **call(1, name="g", arguments="{}")}]})],
        [part({"tool_calls": [call(0, arguments=": 1}")]})],
        [part({}, finish="tool_calls")],
    ]
    [choice] = assembled(pieces)
    assert choice["finish_reason"] == "tool_calls"
    assert [(c["id"], c["function"]) for c in message(choice)["tool_calls"]] == [
        ("a", {"name": "f", "arguments": '{"x": 1}'}),
        ("b", {"name": "g", "arguments": "{}"}),
    ]
    assert message(choice)["content"] is None


def test_nothing_is_nothing():
    assert assembled([]) == []
