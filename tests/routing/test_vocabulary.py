"""Tokens are counted as OpenAI's own tokenizer (here: the bpe-openai package) splits the same text."""

from __future__ import annotations

from pathlib import Path

import bpe_openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import vocabulary
from routing.vocabulary import Counted, count

ROOT = Path(__file__).resolve().parents[2]
JUDGE = bpe_openai.get_encoding("o200k_base")
TEXTS = {
    "English": (ROOT / "docs/architecture.md").read_text("utf-8"),
    "code": (ROOT / "routing/vocabulary.py").read_text("utf-8"),
    "CSS": (ROOT / "static/routeplex.css").read_text("utf-8")[:50_000],
    "Chinese": "子曰：「學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？」道可道，非常道。名可名，非常名。",
    "Japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で泣いていた事だけは記憶している。",
    "Russian": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
    "Arabic": "كان يا ما كان في قديم الزمان وسالف العصر والأوان، ملك من ملوك ساسان.",
    "Hindi": "सत्यमेव जयते नानृतं सत्येन पन्था विततो देवयानः।",
    "signs": "👩‍👩‍👧‍👦 naïve café — “quoted” I'LL can't 1234567 \r\n\r\n\t x  \n ½ ² ⅷ",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_as_long_as_for_openai(name):
    assert count([TEXTS[name]]) == Counted(len(JUDGE.encode_ordinary(TEXTS[name])), exact=True)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=vocabulary.SCRIPTS - 1, exclude_categories=["Cs"]), max_size=60))
def test_any_text_is(text):
    # Python's \s has four control characters more than the pattern's own; beside them the two agree
    if not any("\x1c" <= sign <= "\x1f" for sign in text):
        assert count([text]).tokens == len(JUDGE.encode_ordinary(text))


@pytest.mark.parametrize("unit", ["The quick brown fox jumps over the lazy dog. ", "qzxj", "学而时习之不亦说乎", "xk7"])
def test_what_is_too_long_to_be_counted_whole_is_near(unit):
    text = unit * (2 * vocabulary.MOST_CHARACTERS // len(unit))
    counted = count([text])
    assert not counted.exact
    parts = (text[n : n + 50_000] for n in range(0, len(text), 50_000))  # the judge takes no more at once
    assert counted.tokens == pytest.approx(sum(len(JUDGE.encode_ordinary(part)) for part in parts), rel=0.05)


def test_messages_do_not_melt_into_one_another():
    assert count(["ab", "ab"]).tokens == 2 * count(["ab"]).tokens
