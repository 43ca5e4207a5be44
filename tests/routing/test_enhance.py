"""A vague prompt is asked more clearly, in its own language and its own words; a specific one is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.classify import classify_text
from routing.enhance import enhance
from routing.enhancements import ENHANCEMENTS
from routing.languages import language_of, programming_language_of
from routing.query_types import QUERY_TYPES
from routing.specificity import is_specific

VAGUE = {
    "code_generation": "write a python function to parse dates",
    "code_debugging": "why does my python script throw a KeyError",
    "code_algorithm": "implement dijkstra's algorithm in python",
    "comparison": "compare react and vue",
    "explanation": "explain how a transformer works",
    "translation": "translate to French: good morning my friend",
    "math": "solve x^2 + 3x = 4",
    "creative": "write a poem about the sea",
    "planning": "plan a trip to Japan for my family",
    "summarization": "summarize this article: The council met and talked about the bridge.",
}
SPECIFIC = [
    "Write a Python 3.12 function `parse_dates(lines)` that must read ISO 8601 dates from a list of strings, skips empty lines, "
    "raises ValueError for anything else, and returns at most 100 datetime objects. Use no third-party package. Add type hints.",
    "Compare PostgreSQL 17 and MySQL 9 for a system of 200 tenants with 5 TB of data. We need row level security, logical "
    "replication and at least 2,000 writes per second. Our team knows MySQL, because we have run it for ten years.",
]
ANSWERS_ITSELF = [
    "what is the capital of France, only the name",
    "compare react and vue in a table",
    "explain recursion briefly",
    "只回答名字：法国的首都是什么",
]


def test_every_kind_has_its_entry():
    assert ENHANCEMENTS.keys() == QUERY_TYPES.keys()
    for kind, paragraphs in ENHANCEMENTS.items():
        assert not paragraphs if kind == "conversation" else set(paragraphs) == {"en", "de", "fr", "es", "zh"}, kind


@pytest.mark.parametrize(("kind", "paragraphs"), ENHANCEMENTS.items())
def test_each_paragraph_is_in_its_language(kind, paragraphs):
    for language, paragraph in paragraphs.items():
        assert language_of(paragraph.text) == language, paragraph.text
        assert not any(character.isdigit() for character in paragraph.text)  # no limit that nobody asked for


@pytest.mark.parametrize(("kind", "prompt"), VAGUE.items())
def test_a_vague_prompt_is_made_clearer(kind, prompt):
    made = enhance(prompt)
    assert made.applied and prompt in made.text
    assert made.text.replace(prompt, "").strip() == ENHANCEMENTS[made.query_type]["en"].text


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Vergleiche React und Vue", "de"),
        ("Explique comment fonctionne un moteur", "fr"),
        ("Explica cómo funciona un motor", "es"),
        ("比较 React 和 Vue 的区别", "zh"),
    ],
)
def test_the_user_s_language_is_kept(prompt, language):
    made = enhance(prompt)
    assert made.applied
    assert language_of(made.text.replace(prompt, "")) == language


@pytest.mark.parametrize(
    "prompt",
    [
        "Сравни React и Vue",
        "ReactとVueを比較してください",
        "React와 Vue를 비교해 줘",
        "Confronta il treno e la bicicletta con il monopattino",
    ],
)
def test_in_a_language_that_we_do_not_write_it_stays(prompt):
    assert not enhance(prompt).applied


@pytest.mark.parametrize("prompt", [*SPECIFIC, *ANSWERS_ITSELF, "hi", "", "   ", "thanks!"])
def test_what_says_what_it_wants_stays(prompt):
    assert enhance(prompt).text == prompt


def test_a_long_prompt_without_signs_is_not_specific():
    assert not is_specific("please tell me something about the sea and the wind and the sky " * 4)


@settings(deadline=None)
@given(st.text(max_size=300) | st.sampled_from([*VAGUE.values(), *SPECIFIC, *ANSWERS_ITSELF]))
def test_the_words_are_kept_and_twice_is_once(prompt):
    once = enhance(prompt)
    assert prompt in once.text
    assert enhance(once.text).text == once.text
    assert enhance(prompt) == once
    assert once.query_type == classify_text(prompt).query_type


@settings(deadline=None)
@given(st.sampled_from(SPECIFIC), st.text(alphabet=st.characters(categories=["L", "N", "Zs", "Po"]), max_size=100))
def test_more_words_leave_a_specific_prompt_specific(prompt, more):
    assert not enhance(f"{prompt} {more}").applied


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("sort a list in python", "python"),
        ("in C++, reverse a string", "c++"),
        ("a Java class", "java"),
        ("JavaScript closure", "javascript"),
        ("a list", None),
    ],
)
def test_programming_languages(text, language):
    assert programming_language_of(text) == language
