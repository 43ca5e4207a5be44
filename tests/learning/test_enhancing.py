"""What enhancement added to prompts, and what feedback says of it: recorded, told to programs and on the pages."""

from __future__ import annotations

import httpx
import pytest
from django.test import Client

from learning import learn
from learning.enhancing import enhanced
from learning.intervals import CannotTell, Estimate
from routing.enhance import paragraph_of

VAGUE, CLEAR = "explain recursion", "Explain recursion in a table of two columns, briefly, with 3 rows."


@pytest.mark.parametrize(("prompt", "added"), [(VAGUE, "explanation.en"), (CLEAR, "unchanged")])
def test_a_request_tells_what_was_added_to_its_prompt(ask, scripted_only, logged, prompt, added):
    name = ask(prompt, Enhance="true")
    assert {row.request_id: row.enhanced for row in logged()}[name] == added


def test_whoever_did_not_ask_for_it_has_nothing(ask, scripted_only, logged):
    ask(VAGUE)
    assert logged()[-1].enhanced == ""


def rated(ended, say, count, score, **more):
    for number in range(count):
        say(ended(**more), score=score + 0.01 * (number % 3))
    learn.learn()


def test_answers_are_compared_within_their_kind(ended, say, acme, period):
    for _ in range(7):
        ended(enhanced="unchanged")
    rated(ended, say, 30, 0.9, enhanced="code_generation.en", query_type="code_generation")
    rated(ended, say, 30, 0.5)
    told = enhanced(str(acme.tenant.pk), period.since, period.until)
    assert (told.enhanced, told.unchanged, told.asked_for) == (30, 7, 37)
    (kind,) = told.kinds
    assert (kind.query_type, kind.enhanced, kind.rated, kind.others_rated) == ("code_generation", 30, 30, 30)
    assert isinstance(told.overall, Estimate) and 0.37 < told.overall.low < 0.4 < told.overall.high < 0.43
    assert [(one.name, one.times) for one in told.paragraphs] == [("code_generation.en", 30)]
    assert told.paragraphs[0].text == paragraph_of("code_generation.en").text


def test_with_few_ratings_it_cannot_be_told(ended, say, acme, period):
    rated(ended, say, 3, 0.9, enhanced="code_generation.en")
    told = enhanced(str(acme.tenant.pk), period.since, period.until)
    assert isinstance(told.overall, CannotTell) and told.overall.more_requests == 20


def test_programs_and_people_are_told_and_strangers_are_not(server, ended, say, acme):
    rated(ended, say, 2, 0.9, enhanced="code_generation.en")
    told = httpx.get(f"{server}/api/v1/learning/enhancement", headers={"authorization": f"Bearer {acme.key}"}).json()["data"]
    assert told["enhanced"] == 2 and told["overall"]["told"] == "cannot_tell"
    row = ended(enhanced="explanation.en")
    client = Client()
    client.force_login(acme.alice)
    page = client.get(f"/t/{acme.tenant.slug}/learning").content.decode()
    assert "Prompts that were asked more clearly" in page and "3 of 3 prompts" in page
    one = client.get(f"/t/{acme.tenant.slug}/requests/{row.request_id}").content.decode()
    assert paragraph_of("explanation.en").text.replace("'", "&#x27;") in one
    client.force_login(acme.charlie)
    assert client.get(f"/t/{acme.tenant.slug}/learning").status_code == 404
