"""The pure parts of budgets: purses, periods, bounds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bounds import IMAGE_TOKENS, Line, bound_of
from gateway.periods import window_at
from gateway.purses import Purse
from gateway.wire.openai import parse
from routing.types import Model, Price, Rates, Usage

# --- purses

AMOUNT = st.integers(0, 10**13)


@given(st.lists(st.tuples(st.sampled_from(["grant", "take", "put", "charge", "give back"]), AMOUNT), max_size=40))
def test_a_purse_never_holds_more_than_it_was_granted(steps):
    purse, running, charged = Purse(), [], 0
    for what, amount in steps:
        if what == "grant":
            purse.granted += amount
        elif what == "take" and purse.take(amount):
            running.append(amount)
        elif what == "put" and running:
            purse.put(running.pop())
        elif what == "charge" and running:
            reserved = running.pop()
            cost = min(amount, purse.room(reserved))
            purse.charge(reserved, cost)
            charged += cost
        elif what == "give back":
            purse.give_back(amount)
        assert purse.free >= 0
        assert purse.reserved == sum(running)
        assert purse.granted == purse.returned + charged + sum(running) + purse.free


def test_only_what_nobody_needed_is_given_back():
    purse = Purse(granted=100)
    purse.give_back(100)  # from here on somebody looks
    assert purse.take(60)
    purse.put(60)
    assert purse.give_back(10)
    assert (purse.returned, purse.free) == (30, 70)
    assert purse.give_back(70) is False


# --- periods


@pytest.mark.parametrize(
    ("zone", "at", "starts", "hours"),
    [
        ("UTC", datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), 24),
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        ("Asia/Kolkata", datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, 18, 30, tzinfo=UTC), 24),
        ("America/Santiago", datetime(2025, 9, 7, 12, tzinfo=UTC), datetime(2025, 9, 7, 4, tzinfo=UTC), 23),  # skips midnight
        ("Asia/Beirut", datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 28, 22, tzinfo=UTC), 23),  # so does this
    ],
)
def test_a_day_is_the_calendar_s(zone, at, starts, hours):
    assert window_at("day", zone, at.timestamp()) == (starts.timestamp(), starts.timestamp() + hours * 3600)


def test_a_month_is_the_calendar_s():
    starts, ends = window_at("month", "Europe/Berlin", datetime(2026, 12, 31, 22, 59, tzinfo=UTC).timestamp())
    assert datetime.fromtimestamp(starts, UTC) == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert datetime.fromtimestamp(ends, UTC) == datetime(2026, 12, 31, 23, tzinfo=UTC)


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Beirut", "America/Santiago", "Pacific/Apia", "Australia/Lord_Howe"])


@given(ZONES, st.sampled_from(["day", "month"]), st.floats(1.2e9, 2e9))
def test_every_moment_lies_in_one_window_and_the_next_begins_where_it_ends(zone, period, at):
    starts, ends = window_at(period, zone, at)
    assert starts <= at < ends
    assert window_at(period, zone, starts) == (starts, ends)
    assert window_at(period, zone, ends)[0] == ends
    assert datetime.fromtimestamp(starts, ZoneInfo(zone)).minute == 0


# --- bounds

ALPHA = Model(
    id="a/b",
    name="b",
    provider="a",
    upstream_id="b",
    display_name="b",
    tier="default",
    context_tokens=100_000,
    max_output_tokens=8_000,
    abilities=frozenset(),
    prices=(
        Price(
            starts=date(2024, 1, 1),
            rates=Rates(input=1_000_000, output=2_000_000, cache_write=1_250_000),
            tiers=((2000, Rates(input=3_000_000, output=6_000_000)),),
        ),
    ),
    quality=0.5,
    ttft_ms=1,
    output_tokens_per_s=1,
)
DAY = date(2026, 1, 1)


def asked(content="Hi", **more):
    body = {"model": "a/b", "messages": [{"role": "user", "content": content}], **more}
    return parse(msgspec.json.encode(body), {}, "req_1")


@given(st.text(max_size=500), st.integers(0, 500), st.integers(0, 500), st.integers(1, 4))
def test_no_usage_within_the_limits_costs_more_than_its_bound(text, cached, written, n):
    from routing.prices import cost, rates_for

    request = asked(text, max_tokens=50, n=n)
    bound = bound_of(ALPHA, request, DAY)
    tokens = len(text.encode()) + 20
    usage = Usage(input_tokens=tokens, output_tokens=50 * n, cached_input_tokens=cached, cache_write_tokens=written)
    assert cost(usage, rates_for(ALPHA, on=DAY, input_tokens=tokens)) <= bound.usd.of(bound.output)
    assert usage.total_tokens <= bound.tokens.of(bound.output)


def test_where_the_caller_sets_no_limit_the_model_s_own_holds():
    assert bound_of(ALPHA, asked(), DAY).output == 8_000
    assert bound_of(ALPHA, asked(n=2), DAY).output == 16_000


def test_pictures_and_files_count_as_what_they_may_come_to():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 500_000}}
    film = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
    assert IMAGE_TOKENS < bound_of(ALPHA, asked([picture]), DAY).tokens.base < IMAGE_TOKENS + 1000
    assert bound_of(ALPHA, asked([film]), DAY).tokens.base == ALPHA.context_tokens


def test_a_thought_that_is_set_aside_is_the_least_that_is_worth_asking():
    assert bound_of(ALPHA, asked(thinking={"type": "enabled", "budget_tokens": 2000}), DAY).least > 2000


@given(st.integers(0, 10**6), st.integers(0, 100), st.integers(0, 10**7))
def test_what_a_line_affords_is_affordable_and_one_more_is_not(base, each, amount):
    line = Line(base, each)
    affords = line.affords(amount)
    if affords is None:
        assert line.of(10**9) <= amount
    elif affords >= 0:
        assert line.of(affords) <= amount < line.of(affords + 1)
    else:
        assert amount < line.of(0)
