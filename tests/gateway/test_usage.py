"""Usage adds up whatever it is asked by, in the tenant's own days; pages of requests stay where they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import browse, histogram, usage
from gateway.browse import BadCursor, Wanted
from gateway.models import RequestLog
from gateway.rollups import roll_up
from tests.factories import ApiKeyFactory, TenantFactory
from tests.gateway.test_ledger import attempt, enter, row

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def used(acme):
    """Three days of requests, one every three hours, alternating between two models and two strategies."""
    acme.tenant.time_zone = "Europe/Berlin"
    acme.tenant.save()
    rows = []
    for n in range(24):
        made = row(acme.tenant.pk, acme.row.pk, f"req_{n}", [attempt(1, 10**9 * (n + 1))], NOON + n * 3 * HOUR)
        made.model, made.provider = ("alpha/alpha-1", "alpha") if n % 2 else ("beta/beta-1", "beta")
        made.strategy, made.query_type, made.duration_ms = ("cost" if n % 3 else "auto"), "code_generation", 100 * (n + 1)
        rows.append(made)
    enter(rows)
    roll_up()
    return rows


def test_it_adds_up_by_whatever_it_is_asked(acme, used):
    since, until = NOON, NOON + 3 * DAY
    whole = usage.totals(acme.tenant, since, until)
    assert (whole.requests, whole.cost_usd) == (24, sum((r.cost_usd for r in used), Decimal(0)))
    for by in ("model", "provider", "query_type", "strategy", "api_key"):
        parts = usage.shares(acme.tenant, since, until, by)
        assert sum(part.totals.requests for part in parts) == 24
        assert sum((part.totals.cost_usd for part in parts), Decimal(0)) == whole.cost_usd
    for interval in ("hour", "day"):
        points = usage.series(acme.tenant, since - DAY, until + DAY, interval)
        assert sum((point.totals.cost_usd for point in points), Decimal(0)) == whole.cost_usd
    assert usage.totals(acme.tenant, since, until, strategy="auto").requests == 8


def test_each_thing_alone_adds_up_to_what_it_was_crossed_with(acme, used):
    from gateway.models import Marginal, Rollup

    for dimension in ("model", "query_type", "strategy", "api_key"):
        for marginal in Marginal.objects.filter(dimension=dimension):
            about = {"period": marginal.period, "starts_at": marginal.starts_at, "tenant": marginal.tenant_id}
            crossed = list(Rollup.objects.filter(**about, **{dimension: marginal.value}))
            assert (marginal.requests, marginal.cost_usd) == (sum(r.requests for r in crossed), sum(r.cost_usd for r in crossed))
            assert marginal.durations == histogram.added(r.durations for r in crossed)
    assert usage.totals(acme.tenant, NOON, NOON + 3 * DAY, strategy="auto", model="beta/beta-1").requests == 4
    by_model = usage.shares(acme.tenant, NOON, NOON + 3 * DAY, "model", strategy="auto")
    assert {share.name: share.totals.requests for share in by_model} == {"beta/beta-1": 4, "alpha/alpha-1": 4}


def test_any_hours_are_those_hours(acme, used):
    for since in range(0, 72, 7):
        for length in (1, 5, 24, 31, 60):
            start = NOON + since * HOUR
            expected = sum(start <= made.received_at < start + length * HOUR for made in used)
            assert usage.totals(acme.tenant, start, start + length * HOUR).requests == expected


def test_days_are_the_tenant_s_own_and_none_is_missing(acme, used):
    points = usage.series(acme.tenant, NOON - DAY, NOON + 3 * DAY, "day")
    assert [point.starts_at for point in points] == [
        datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC),
    ]  # fmt: skip


def test_too_many_points_are_refused(acme):
    with pytest.raises(ValueError, match="shorter time"):
        usage.series(acme.tenant, NOON, NOON + 60 * DAY, "hour")


def test_a_stranger_s_use_is_not_in_it(acme, used):
    assert usage.totals(TenantFactory(), NOON, NOON + 3 * DAY).requests == 0


# --- times


@given(st.lists(st.floats(1, 10**6), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_is_within_a_bucket_of_the_truth(times, share):
    counted = {}
    for ms in times:
        counted[histogram.bucket(ms)] = counted.get(histogram.bucket(ms), 0) + 1
    found = histogram.quantile(histogram.counts(counted), share)
    truth = sorted(times)[min(len(times) - 1, max(0, -int(-share * len(times) // 1) - 1))]
    assert truth / histogram.STEP <= found * 1.0000001 and found <= truth * histogram.STEP * 1.0000001


@given(st.lists(st.lists(st.integers(0, 50), max_size=histogram.BUCKETS), max_size=5))
def test_histograms_add_up(several):
    assert sum(histogram.added(several)) == sum(map(sum, several))


def test_times_are_read_off_them(acme, used):
    found = usage.totals(acme.tenant, NOON, NOON + 3 * DAY)
    assert found.p50_ms == pytest.approx(1200, rel=0.2) and found.p95_ms == pytest.approx(2300, rel=0.2)
    assert found.first_p50_ms is None


# --- pages


def test_pages_have_every_request_once_while_new_ones_come(acme, used):
    seen, after = [], None
    for n in range(20):
        page = browse.page_of(acme.tenant, Wanted(), after=after, size=5)
        seen += [r.request_id for r in page.rows]
        enter([row(acme.tenant.pk, acme.row.pk, f"req_new_{n}", at=NOON + 9 * DAY + n * HOUR)])
        if (after := page.after) is None:
            break
    assert seen == [made.request_id for made in sorted(used, key=lambda r: r.received_at, reverse=True)]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"model": "alpha/alpha-1"}, 12),
        ({"strategy": "auto"}, 8),
        ({"model": "alpha/alpha-1", "strategy": "auto"}, 4),
        ({"request_id": "req_3"}, 1),
        ({"request_id": "req_none"}, 0),
        ({"least_ms": 2000}, 5),
        ({"least_usd": 0.02}, 5),
        ({"status": "ok"}, 24),
        ({"status": "error"}, 0),
        ({"fallback": True}, 0),
        ({"fallback": False}, 24),
        ({"since": NOON + 60 * HOUR}, 4),
        ({"until": NOON + 3 * HOUR}, 1),
    ],
)
def test_one_finds_what_one_looks_for(acme, used, wanted, count):
    assert len(browse.page_of(acme.tenant, Wanted(**wanted)).rows) == count


def test_by_key_and_of_one_s_own_tenant_only(acme, used):
    other = ApiKeyFactory(tenant=acme.tenant)
    assert browse.page_of(acme.tenant, Wanted(api_key=other.pk)).rows == []
    assert browse.page_of(TenantFactory(), Wanted(request_id="req_3")).rows == []
    assert RequestLog.objects.filter(request_id="req_3").exists()


@pytest.mark.parametrize("cursor", ["", "x", "ééé", "AAAA", "gqExAg", "k" * 500])
def test_a_cursor_that_is_none_is_told_so(acme, cursor):
    with pytest.raises(BadCursor):
        browse.page_of(acme.tenant, Wanted(), after=cursor)


@pytest.mark.parametrize("patience", [10.0, -1.0])
@pytest.mark.parametrize(
    "wanted", [Wanted(strategy="auto"), Wanted(model="beta/beta-1", until=NOON + DAY), Wanted(status="refused")]
)
def test_what_is_rare_is_found_in_steps_and_nothing_is_left_out(acme, used, monkeypatch, patience, wanted):
    """Whether a search is quick or is cut short after each step, its pages together are all that there is."""
    monkeypatch.setattr(browse, "ENOUGH_S", patience)
    monkeypatch.setattr(browse, "STEP", 7 * HOUR if patience > 0 else 11 * HOUR)
    expected = list(browse.matching(acme.tenant, wanted).order_by("-received_at").values_list("request_id", flat=True))
    found, after, searched = [], None, []
    for _ in range(1000):
        page = browse.page_of(acme.tenant, wanted, after=after, size=3)
        found += [one.request_id for one in page.rows]
        searched.append(page.searched)
        if (after := page.after) is None:
            break
    assert after is None and found == expected
    assert any(searched) == (patience < 0)
