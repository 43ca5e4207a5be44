"""What outcomes taught, as a file: it reads back, and topics take a prompt only as far as it is like them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import fitted, linear
from routing.classify import classify_text
from routing.fitted import Fitted, Spending, expected_costs
from routing.quality import FAMILIES, Weights, arm, places, predict
from routing.topics import CAUTION, ELSEWHERE, features_of, topics_of, with_topics

COUNT = len(FAMILIES) + 1
NAMES = ({"apples": 0, "moon": 1}, {"red apples": 0})
ROWS = [bytes([linear.OFFSET + 100, linear.OFFSET, linear.OFFSET, linear.OFFSET + 100, linear.OFFSET + 50, linear.OFFSET])]


def small() -> Fitted:
    blocks = [linear.Block(names, 1.0) for names in NAMES]
    return Fitted(
        table=linear.Table(blocks, ["fruit", ELSEWHERE], [0.1, 0.1], [0.0, 0.0], {}),
        weights=Weights(
            version="fitted-test",
            contexts=(*FAMILIES, "fruit"),
            arms={"a": arm((*(0.0,) * (COUNT - 1), 2.0), (0.2,) * COUNT)},
            levels=(0.0,) * COUNT,
            rises=(0.0,) * COUNT,
            unknown=arm((-1.0,) * COUNT, (1.0,) * COUNT),
        ),
        spending={"a": Spending(input_usd=1e-6, output_usd=1e-5, output_tokens=(*(100.0,) * (COUNT - 1), 300.0))},
        framing=(10.0,) * COUNT,
        tokens_per_char=0.25,
    )


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    path: Path = tmp_path_factory.mktemp("fitted") / "weights.bin"
    fitted.write(path, small(), ROWS)
    return fitted.read(path)


def test_a_file_reads_back_what_was_written(known: Fitted) -> None:
    written = small()
    assert known.weights.arms == written.weights.arms
    assert known.weights.unknown == written.weights.unknown
    assert known.weights.version == "fitted-test"
    assert known.spending == written.spending
    assert (known.framing, known.tokens_per_char) == (written.framing, written.tokens_per_char)


def test_a_prompt_like_the_outcomes_is_judged_by_its_topic(known: Fitted) -> None:
    text = "apples"
    reading = with_topics(classify_text(text), known.table, text)
    assert reading.topics[0] > 0.99
    assert predict(known.weights, "a", reading).mean == pytest.approx(0.88, abs=0.01)


def test_a_prompt_unlike_them_is_judged_by_its_families(known: Fitted) -> None:
    text = "moon"
    reading = with_topics(classify_text(text), known.table, text)
    assert reading.topics[0] < 0.01
    assert predict(known.weights, "a", reading).mean == pytest.approx(0.5, abs=0.01)


def test_costs_are_of_the_prompt_its_framing_and_the_expected_answer(known: Fitted) -> None:
    reading = with_topics(classify_text("apples"), known.table, "apples")
    cost = expected_costs(known, ["a"], places(known.weights, reading), chars=400)
    assert cost == [pytest.approx((400 * 0.25 + 10) * 1e-6 + 300 * 1e-5, rel=0.01)]


def test_a_model_without_outcomes_costs_what_the_middle_one_does(known: Fitted) -> None:
    reading = with_topics(classify_text("apples"), known.table, "apples")
    found = places(known.weights, reading)
    one, other = expected_costs(known, ["a", "nobody knows it"], found, chars=400)
    assert one == other


def test_an_unsure_prompt_is_left_to_its_families(known: Fitted) -> None:
    """Shares shrink faster than the table's certainty does: half as sure is an eighth as much."""
    sure, unsure = topics_of(known.table, "apples")[0], topics_of(known.table, "xyzzy")[0]
    assert sure > 0.99
    assert unsure == pytest.approx(0.5 * 0.5**CAUTION)


@given(st.text(max_size=4000))
def test_features_are_named_once_and_topics_are_shares(text: str) -> None:
    words, pairs = features_of(text)
    assert len(set(words)) == len(words) and len(set(pairs)) == len(pairs)
    assert all(0 <= share <= 1 for share in topics_of(small().table, text))


def test_numbers_are_read_by_their_length() -> None:
    assert features_of("12 and 34 or 5678901")[0] == ["#2", "and", "or", "#5"]
