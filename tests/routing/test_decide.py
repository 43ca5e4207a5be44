"""Hard filters with their reasons, then the strategy's order."""

from datetime import date
from types import SimpleNamespace

import pytest

from gateway.wire import openai as wire
from routing.catalog import load
from routing.classify import classify
from routing.decide import decide
from routing.refusals import NoCandidate, UnknownModel, Unreachable, Unsupported
from routing.types import Caller
from tests.routing.plain_weights import plain_weights

TODAY = date(2026, 11, 1)
MODEL = """
[[providers.{provider}.models]]
name = "{name}"
context_tokens = {context}
max_output_tokens = 8192
abilities = {abilities}
quality = {quality}
ttft_ms = {ttft}
output_tokens_per_s = {speed}
prices = [{{ starts = 2024-01-01, input = "{price}", output = "{price}" }}]
"""
PROVIDER = '[providers.{0}]\ndialect = "openai"\ndisplay_name = "{0}"\nbase_url = "http://127.0.0.1/{0}"\n'


def model(provider, name, quality, price, ttft=500, speed=100, context=128_000, abilities='["verbosity"]'):
    return MODEL.format(**locals())


CATALOG = load(
    PROVIDER.format("one")
    + model("one", "best", 0.9, 10)
    + model("one", "good", 0.86, 1)
    + model("one", "plain", 0.4, 0.1)
    + PROVIDER.format("two")
    + model("two", "fast", 0.879, 2, ttft=50, speed=1000)
    + model("two", "long", 0.7, 2, context=1_000_000)
    + model("two", "twin", 0.9, 5, ttft=900)
    + PROVIDER.format("three")
    + model("three", "terse", 0.85, 1, abilities="[]")
)
CALLER = Caller(tenant_id="t", key_id="k", key_prefix="p", test=False)


def ask(model="routeplex-ai", *, caller=CALLER, reachable=("one", "two", "three"), ill=(), headers=(), words="Hi", **fields):
    import json

    body = {"model": model, "messages": [{"role": "user", "content": words}], **fields}
    sent = {name.lower().encode(): value.encode() for name, value in headers}
    request = wire.parse(json.dumps(body).encode(), sent, "req_1")
    view = SimpleNamespace(
        version="1",
        catalog=CATALOG,
        reachable=frozenset(reachable),
        weights=plain_weights(CATALOG),
        unusable=frozenset(ill),
        latencies={},
        learned=None,
        draws=True,
    )
    return decide(request, classify(request), view, caller, TODAY)


def first(*args, **kwargs):
    return ask(*args, **kwargs).candidates[0].model.id


@pytest.mark.parametrize(
    ("strategy", "winner"), [("quality", "two/twin"), ("cost", "one/good"), ("speed", "two/fast"), ("balanced", "two/fast")]
)
def test_each_strategy_keeps_its_promise(strategy, winner):
    assert first(headers=[("X-RoutePlex-Strategy", strategy)]) == winner


def test_the_key_s_default_holds_unless_the_header_says_otherwise():
    thrifty = Caller(tenant_id="t", key_id="k", key_prefix="p", test=False, strategy="cost")
    assert ask(caller=thrifty).strategy == "cost"
    assert ask(caller=thrifty, headers=[("X-RoutePlex-Strategy", "speed")]).strategy == "speed"


def test_a_tenant_bounds_how_many_further_models_are_tried():
    bold, careful = (Caller(tenant_id="t", key_id="k", key_prefix="p", test=False, max_fallbacks=n) for n in (2, 0))
    assert len(ask(caller=careful).candidates) == 1
    assert len(ask(caller=bold).candidates) == len(ask().candidates) > 1
    assert len(ask(caller=bold, headers=[("X-RoutePlex-Fallback", "off")]).candidates) == 1


def test_what_cannot_serve_is_excluded_with_its_reason():
    decision = ask(verbosity="low", reachable=("one", "three"))
    reasons = {model: reason for reason, models in decision.excluded.items() for model in models}
    assert reasons["two/fast"] == "no credential for two"
    assert reasons["three/terse"] == "cannot do verbosity (asked by verbosity)"
    assert {ranked.model.split("/")[0] for ranked in decision.ranked} == {"one"}


def test_a_long_prompt_goes_where_it_fits():
    decision = ask(words="word " * 130_000)
    assert [c.model.id for c in decision.candidates] == ["two/long"]


def test_a_key_s_own_models():
    only = Caller(tenant_id="t", key_id="k", key_prefix="p", test=False, allowed_models=frozenset({"one/plain"}))
    assert [c.model.id for c in ask(caller=only).candidates] == ["one/plain"]
    with pytest.raises(UnknownModel):
        ask("one/best", caller=only)


def test_an_ill_model_comes_last():
    assert ask(ill=("two/twin",), headers=[("X-RoutePlex-Strategy", "quality")]).ranked[-1].model == "two/twin"
    assert first("one/best", ill=("one/best",)) == "one/best", "a model that was named is tried all the same"


def test_a_named_model_comes_first_and_its_nearest_stand_behind_it():
    decision = ask("good")
    assert decision.mode == "manual"
    assert [c.model.id for c in decision.candidates] == ["one/good", "three/terse", "two/fast"]
    assert len(ask("good", headers=[("X-RoutePlex-Fallback", "off")]).candidates) == 1


def test_a_fallback_never_lacks_what_the_request_needs():
    assert "three/terse" not in [c.model.id for c in ask("good", verbosity="low").candidates]


def test_a_named_model_that_cannot_names_the_parameter():
    with pytest.raises(Unsupported) as raised:
        ask("terse", verbosity="low")
    assert raised.value.param == "verbosity"
    decision = ask("terse", verbosity="low", headers=[("X-RoutePlex-Unsupported", "ignore")])
    assert decision.candidates[0].ignored == ("verbosity",)


def test_nobody_can():
    with pytest.raises(NoCandidate) as raised:
        ask(max_tokens=9000)
    assert "8192" in raised.value.message
    with pytest.raises(Unreachable):
        ask(reachable=())
    with pytest.raises(Unreachable):
        ask("good", reachable=("two",))


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(UnknownModel) as raised:
        ask("goood")
    assert "good" in raised.value.message


def test_the_same_request_is_decided_the_same():
    assert ask() == ask()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"reasoning_effort": "high"}, None),
        ({"reasoning_effort": "minimal"}, "reasoning_effort"),
        ({"reasoning_effort": "high", "tools": [{"type": "function", "function": {"name": "f"}}]}, "reasoning_effort"),
        ({"reasoning_effort": "low", "tools": [{"type": "function", "function": {"name": "f"}}]}, None),
    ],
)
def test_a_model_that_takes_some_efforts_and_tools_with_one_of_them(monkeypatch, fields, param):
    catalog = load(
        PROVIDER.format("one")
        + model("one", "best", 0.9, 10, abilities='["reasoning_effort"]')
        + 'quirks = { efforts = ["low", "high"], tools_effort = "low" }\n'
    )
    monkeypatch.setitem(ask.__globals__, "CATALOG", catalog)
    if param is None:
        assert first("one/best", **fields) == "one/best"
    else:
        with pytest.raises(Unsupported) as raised:
            ask("one/best", **fields)
        assert raised.value.param == param


def test_a_model_for_sound_alone_is_not_asked_for_text(monkeypatch):
    catalog = load(
        PROVIDER.format("one")
        + model("one", "ear", 0.9, 10, abilities='["audio_input"]')
        + 'quirks = { only_with = ["audio_input"] }\n'
        + model("one", "plain", 0.1, 10)
    )
    monkeypatch.setitem(ask.__globals__, "CATALOG", catalog)
    assert first() == "one/plain"
