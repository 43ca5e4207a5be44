"""Near-ties are drawn at random, each draw's probability is kept, and every decision can be made again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.wire import openai as wire
from routing.catalog import load
from routing.classify import classify
from routing.decide import decide
from routing.decisions import DecisionRecord, again, kept
from routing.draws import TIE_BAND
from routing.explain import explanation
from routing.learned import Known, Learned
from routing.query_types import QUERY_TYPES
from routing.types import Caller, Incumbent
from tests.routing.plain_weights import plain_weights

TODAY = date(2026, 11, 1)
MODELS = {"one": [("a", 0.80, "1"), ("b", 0.80, "1"), ("c", 0.6, "0.2")], "two": [("d", 0.799, "1"), ("e", 0.70, "1")]}


def _model(name, quality, price):
    abilities = '["verbosity"]'
    return (
        f'[[providers.{{}}.models]]\nname = "{name}"\ncontext_tokens = 100000\nmax_output_tokens = 8000\n'
        f"abilities = {abilities}\nquality = {quality}\nttft_ms = 500\noutput_tokens_per_s = 100\n"
        f'prices = [{{{{ starts = 2024-01-01, input = "{price}", output = "{price}", cached_input = "0.01" }}}}]\n'
    )


CATALOG = load(
    "".join(
        f'[providers.{provider}]\nbase_url = "http://127.0.0.1/{provider}"\n'
        + "".join(_model(*m).format(provider) for m in models)
        for provider, models in MODELS.items()
    )
)
CALLER = Caller(tenant_id="t", key_id="k", key_prefix="p", test=False)


KNOWN = st.dictionaries(
    st.sampled_from(sorted(CATALOG.models)),
    st.builds(Known, shift=st.floats(-1, 1), unsure=st.floats(0, 1), count=st.floats(0, 1e6), length=st.floats(0.25, 4)),
)
LEARNED = st.builds(
    Learned,
    version=st.integers(1, 99),
    types=st.dictionaries(st.sampled_from(sorted(QUERY_TYPES)), KNOWN),
    models=KNOWN,
    explores=st.floats(0, 0.2),
    baseline=st.sampled_from(["", "nobody/knows", *sorted(CATALOG.models)]),
    held_back=st.sampled_from([0.0, 0.02, 0.5]),
)


def view(ill=(), latencies=None, learned=None):
    return SimpleNamespace(
        version=CATALOG.version,
        catalog=CATALOG,
        reachable=frozenset(MODELS),
        weights=plain_weights(CATALOG),
        unusable=frozenset(ill),
        latencies=latencies or {},
        learned=learned,
        draws=True,
    )


def asked(name="req_1", words="Hi", headers=(), **fields):
    body = {"model": "routeplex-ai", "messages": [{"role": "user", "content": words}], **fields}
    sent = {header.lower().encode(): value.encode() for header, value in headers}
    request = wire.parse(json.dumps(body).encode(), sent, name)
    return request, classify(request)


def decided(name="req_1", *, caller=CALLER, ill=(), latencies=None, incumbent=None, learned=None, lot=1.0, **more):
    request, classification = asked(name, **more)
    return decide(request, classification, view(ill, latencies, learned), caller, TODAY, incumbent, lot=lot)


def likely(decision):
    return {ranked.model: ranked.propensity for ranked in decision.ranked if ranked.propensity}


def test_near_ties_are_drawn_each_as_likely():
    firsts = Counter(decided(f"req_{n}").candidates[0].model.id for n in range(3000))
    assert set(firsts) == set(likely(decided())) == {"one/a", "one/b", "two/d"}
    assert all(abs(count - 1000) < 150 for count in firsts.values())  # five standard deviations


def test_the_first_is_one_of_those_that_could_have_been_and_the_same_for_the_same_request():
    for n in range(50):
        decision = decided(f"req_{n}")
        assert decision.ranked[0].propensity == pytest.approx(1 / 3)
        best = max(ranked.score for ranked in decision.ranked)
        assert all(ranked.score >= best - TIE_BAND for ranked in decision.ranked if ranked.propensity)
        assert decision == decided(f"req_{n}")


@pytest.mark.parametrize(
    "more",
    [
        {"headers": [("X-RoutePlex-Explore", "off")]},
        {"headers": [("X-RoutePlex-Strategy", "quality")]},
        {"caller": replace(CALLER, draws=False)},
    ],
)
def test_who_wants_no_draws_gets_none(more):
    firsts = {decided(f"req_{n}", **more).candidates[0].model.id for n in range(50)}
    assert len(firsts) == 1
    assert list(likely(decided(**more)).values()) == [1.0]


def test_what_is_ill_is_not_drawn():
    assert set(likely(decided(ill=("one/a",)))) == {"one/b", "two/d"}


def test_with_nobody_well_the_least_bad_is_tried():
    everyone = [model.id for model in CATALOG.models.values()]
    assert decided(ill=everyone).candidates[0].model.id in {"one/a", "one/b", "two/d"}


def test_a_conversation_stays_where_it_is_in_the_cache():
    stays = Incumbent(model="two/d", cached_tokens=900)
    decisions = [decided(f"req_{n}", words="word " * 1000, incumbent=stays) for n in range(20)]
    assert {d.candidates[0].model.id for d in decisions} == {"two/d"}
    assert likely(decisions[0]) == {"two/d": 1.0}


def test_unless_leaving_is_worth_it():
    worse = Incumbent(model="two/e", cached_tokens=0)
    assert decided(incumbent=worse).candidates[0].model.id != "two/e"


def test_the_second_is_from_another_provider():
    for n in range(20):
        first, second, *_ = decided(f"req_{n}").candidates
        assert first.model.provider != second.model.provider


def test_what_was_measured_lately_beats_the_prior():
    slow = dict.fromkeys(("one/a", "one/b"), (30_000.0, 500.0))
    assert likely(decided(latencies=slow)) == {"two/d": 1.0}


@given(
    seed=st.integers(0, 10**6),
    words=st.text(max_size=60).filter(str.strip),
    tradeoff=st.none() | st.floats(0, 10),
    ill=st.sets(st.sampled_from(sorted(CATALOG.models))),
    latencies=st.dictionaries(st.sampled_from(sorted(CATALOG.models)), st.tuples(st.floats(1, 1e5), st.floats(0.1, 1e3))),
    incumbent=st.none() | st.builds(Incumbent, model=st.sampled_from(sorted(CATALOG.models)), cached_tokens=st.integers(0, 9999)),
    learned=st.none() | LEARNED,
    lot=st.floats(0, 1),
)
def test_from_what_is_kept_the_same_decision_is_made_again(seed, words, tradeoff, ill, latencies, incumbent, learned, lot):
    headers = [] if tradeoff is None else [("X-RoutePlex-Tradeoff", str(tradeoff))]
    request, classification = asked(f"req_{seed}", words.encode("utf-8", "replace").decode(), headers)
    decision = decide(request, classification, view(ill, latencies, learned), CALLER, TODAY, incumbent, lot=lot)
    assert sum(ranked.propensity for ranked in decision.ranked) == pytest.approx(1)
    record = kept(decision)
    stored = msgspec.json.decode(msgspec.json.encode(record), type=DecisionRecord)
    assert again(stored, classification, CATALOG, plain_weights(CATALOG), learned) == stored == record
    told = explanation(stored, classification, learned)
    assert told["model"] == decision.candidates[0].model.id
    assert [c["model"] for c in told["candidates"]][: len(decision.candidates)] == [c.model.id for c in decision.candidates]


def test_the_margin_says_what_would_have_to_differ_and_it_is_true():
    record = kept(decided(headers=[("X-RoutePlex-Strategy", "balanced"), ("X-RoutePlex-Explore", "off")], ill=("one/b", "two/d")))
    told = explanation(record, asked()[1])["margin"]
    assert told["runner_up"] == "two/e"
    assert told["behind"] > 0
    assert "a predicted cost of" in told["in_words"] and "a predicted quality of" in told["in_words"]
