"""Budgets: never overrun, nearly all of them usable, told exactly, and changed while everything runs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import openai
import pytest
from django.db import OperationalError

from accounts import keys
from accounts.keys import create_key
from accounts.models import Budget
from gateway import budgets, leases
from gateway.models import BudgetAlert, BudgetWindow, Hold, LedgerEntry, Spender
from gateway.windows import Full
from tests.gateway.conftest import ANSWER, DONE, FINISH, ROLE, USAGE, chunk
from tests.upstream import stream, whole

COST = 16_400_000  # pico-dollars of ANSWER at alpha-1
PATIENCE_S = 20


@pytest.fixture
def budget(acme):
    """Sets one; the gateway hears of it at once."""

    def budget(amount, *, period="day", unit="usd", **more):
        made = Budget.objects.create(tenant=acme.tenant, amount=Decimal(amount), period=period, unit=unit, **more)
        keys.forget_all()
        return made

    return budget


def eventually(holds):
    """Whether it comes to hold, with patience."""
    end = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def refused(ask, **more):
    with pytest.raises(openai.RateLimitError) as error:
        ask(**more)
    assert error.value.code == "budget_exhausted"
    return error.value


# --- counted, and refused


def test_what_was_spent_is_counted_in_its_window(ask, acme, budget, provider, logged):
    budget("1")
    provider.say("alpha", whole(ANSWER))
    ask()
    [request] = logged(tenant=acme.tenant)
    window = BudgetWindow.objects.get()
    assert (window.spent, request.cost_usd) == (COST, Decimal("0.0000164"))
    assert LedgerEntry.objects.get(request_id=request.request_id).amount_usd == request.cost_usd
    assert window.reserved == sum(hold.amount for hold in window.holds.all())


def test_a_request_that_does_not_fit_is_told_what_would(ask, acme, budget, provider, logged):
    budget("0.000010")
    told = refused(ask)
    assert told.body["details"]["limit"] == "tenant_day_usd"
    assert told.body["details"]["size"] == told.body["details"]["left"] == "0.00001"
    assert told.body["details"]["output_limit"] == 0
    assert told.response.headers["x-should-retry"] == "false"
    assert "retry-after" not in told.response.headers, "it would not fit tomorrow either"
    [request] = logged(tenant=acme.tenant)
    assert (request.status, request.http_status) == ("refused", 429)
    assert not provider.requests


def test_where_tomorrow_helps_the_caller_is_told_when_that_is(ask, acme, budget, provider, logged):
    acme.tenant.time_zone = "Europe/Berlin"
    acme.tenant.save()
    budget("0.000300", period="month")
    provider.say("alpha", whole(ANSWER | {"usage": {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110}}))
    ask(max_tokens=100)
    logged()
    told = refused(ask, max_tokens=50, extra_headers={"X-RoutePlex-Clamp": "off"})
    resets_at = datetime.fromisoformat(told.body["details"]["resets_at"])
    assert resets_at.astimezone(UTC).hour in (22, 23), "midnight in Berlin"
    wait = (resets_at - datetime.now(UTC)).total_seconds()
    assert abs(int(told.response.headers["retry-after"]) - wait) < 60
    assert told.body["details"]["left"] == "0.00009"


def test_tokens_are_bounded_like_money(ask, acme, budget, provider, logged):
    budget("400", unit="tokens")
    provider.say("alpha", whole(ANSWER | {"usage": {"prompt_tokens": 40, "completion_tokens": 200, "total_tokens": 240}}))
    ask(max_tokens=200)
    logged()
    assert BudgetWindow.objects.get().spent == 240
    told = refused(ask, max_tokens=200)
    assert (told.body["details"]["limit"], told.body["details"]["left"]) == ("tenant_day_tokens", 160)


def test_of_a_key_s_and_its_tenant_s_budget_the_tighter_holds(ask, acme, budget, provider, logged):
    budget("1", period="month")
    budget("0.0001", api_key=acme.row)
    assert refused(ask).body["details"]["limit"] == "key_day_usd"
    row, _ = create_key(acme.tenant, "another")
    Budget.objects.create(tenant=acme.tenant, api_key=row, period="month", unit="usd", amount=1)
    Budget.objects.filter(period="day").update(amount=1)
    keys.forget_all()
    provider.say("alpha", whole(ANSWER))
    ask()
    logged()
    spent = {window.budget.period: window.spent for window in BudgetWindow.objects.select_related("budget")}
    assert spent == {"day": COST, "month": COST}


def test_a_test_key_spends_nothing(server, acme, budget):
    budget("0")
    _, token = create_key(acme.tenant, "test", test=True)
    with openai.OpenAI(base_url=f"{server}/v1", api_key=token, max_retries=0, timeout=20) as client:
        answer = client.chat.completions.create(model="openai/gpt-6-luna", messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content
    assert not BudgetWindow.objects.exists()


# --- the end of a budget


def test_near_the_end_the_output_limit_is_lowered_and_told(ask, acme, budget, provider):
    budget("0.000400")
    provider.say("alpha", whole(ANSWER))
    answer = ask(max_completion_tokens=5000)
    limit = answer.model_extra["x_routeplex"]["budget"]["output_limit"]
    assert 50 < limit < 200
    assert provider.requests[0].json["max_completion_tokens"] == limit


def test_a_caller_without_a_limit_gets_one_there(ask, acme, budget, provider):
    budget("0.000400")
    provider.say("alpha", whole(ANSWER))
    limit = ask().model_extra["x_routeplex"]["budget"]["output_limit"]
    assert provider.requests[0].json["max_tokens"] == limit


def test_a_caller_may_rather_be_refused(ask, budget, provider):
    budget("0.000400")
    told = refused(ask, extra_headers={"X-RoutePlex-Clamp": "off"})
    assert 50 < told.body["details"]["output_limit"] < 200
    assert not provider.requests


@pytest.mark.parametrize(("name", "model"), [("ant", "ant/ant-1"), ("goo", "goo/goo-1")])
def test_other_dialects_are_told_the_limit_in_their_own_words(ask, budget, provider, name, model):
    budget("0.002")
    with pytest.raises(openai.APIStatusError):
        ask(model=model, extra_headers={"X-RoutePlex-Fallback": "off"})  # nothing is scripted: what was sent is enough
    sent = provider.requests[0].json
    limit = sent.get("max_tokens") or sent["generationConfig"]["maxOutputTokens"]
    assert 16 <= limit < 500


def test_the_router_passes_over_what_would_cost_more_than_is_left(ask, server, acme, budget, provider, logged):
    body = {"model": "routeplex-ai", "messages": [{"role": "user", "content": "Hi"}]}
    dearest_first = {"X-RoutePlex-Strategy": "quality"}
    key = {"authorization": f"Bearer {acme.key}"}
    told = httpx.post(f"{server}/api/v1/route", json=body, headers={**dearest_first, **key}).json()
    costs = {candidate["model"]: candidate["predicted_cost_usd"] for candidate in told["candidates"]}
    least = sorted(costs.values())[2]
    budget(f"{least * 1.01 + 0.001:.6f}")
    dear = {model for model, cost in costs.items() if cost > least * 1.01 + 0.001}
    assert dear, "some cost more than all there is"
    for _ in range(2):  # the first asks the database what is left
        answer = ask(model="routeplex-ai", extra_headers=dearest_first)
    assert dear <= set(answer.model_extra["x_routeplex"]["budget"]["passed_over"])
    last = logged(tenant=acme.tenant)[-1]
    assert dear <= set(last.decision["excluded"]["would cost more than is left of the budget"])
    assert last.model not in dear


def test_a_model_for_which_there_is_no_room_is_passed_over_before_anybody_is_asked(ask, acme, budget, provider):
    """What an answer probably costs fits; what goo-1 may answer at most (0.64 USD) does not, of beta-1 (0.33 USD) it does."""
    acme.row.allowed_models = ["beta/beta-1", "goo/goo-1"]
    acme.row.save()
    budget("0.4")
    provider.say("beta", whole(ANSWER))
    wishes = {"X-RoutePlex-Clamp": "off", "X-RoutePlex-Strategy": "cost", "X-RoutePlex-Explore": "off"}
    about = ask(model="routeplex-ai", extra_headers=wishes).model_extra["x_routeplex"]
    assert (about["model"], about["budget"]) == ("beta/beta-1", {"passed_over": ["goo/goo-1"]})
    assert [request.path.split("/")[1] for request in provider.requests] == ["beta"]


def test_nobody_together_spends_more_than_there_is_and_nearly_all_of_it(ask, acme, budget, provider, logged):
    """Many at once, each of which may cost far more than it does."""
    size = 100 * COST
    budget(Decimal(size) / 10**12)
    provider.say("alpha", *[whole(ANSWER)] * 200)

    def caller(_):
        served = 0
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                ask(max_tokens=30)
                served += 1
            except openai.RateLimitError as error:
                if error.response.headers["x-should-retry"] == "false":
                    break
                time.sleep(0.02)
        return served

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(caller, number) for number in range(8)]
        while not all(running.done() for running in callers):
            logged()
        served = sum(running.result() for running in callers)
    logged()
    window = BudgetWindow.objects.get()
    assert window.spent == served * COST == len(provider.requests) * COST
    assert 0.85 * size <= window.spent <= size, "one request's reserve is a tenth of it"


# --- what goes wrong


def test_a_provider_that_ignores_its_limit_is_paid_by_the_operator(ask, acme, budget, provider, logged):
    """The tenant pays no more than was reserved: the input by its bytes, and 50 tokens of output."""
    budget("0.000300")
    too_much = {"prompt_tokens": 10, "completion_tokens": 5000, "total_tokens": 5010}
    provider.say("alpha", whole(ANSWER | {"usage": too_much}))
    answer = ask(max_tokens=50)
    [request] = logged(tenant=acme.tenant)
    assert Decimal("0.0001") < request.cost_usd <= Decimal("0.0003")
    assert answer.model_extra["x_routeplex"]["cost_usd"] == float(request.cost_usd)
    entries = {entry.kind: entry.amount_usd for entry in LedgerEntry.objects.filter(tenant=acme.tenant)}
    assert entries == {"usage": Decimal("0.01001"), "adjustment": request.cost_usd - Decimal("0.01001")}
    assert BudgetWindow.objects.get().spent == request.cost_usd * 10**12


def test_an_attempt_that_fails_is_charged_what_it_was_billed_and_the_next_reserves_anew(ask, acme, budget, provider, logged):
    budget("1")
    provider.say("alpha", whole({"error": {"message": "down"}}, 500))
    provider.say("beta", whole(ANSWER))
    provider.say("ant", whole({"error": {"message": "down"}}, 500))
    provider.say("goo", whole({"error": {"message": "down"}}, 500))
    ask()
    [request] = logged(tenant=acme.tenant)
    window = BudgetWindow.objects.get()
    assert len(request.attempts) > 1
    assert window.spent == sum(attempt["cost"] for attempt in request.attempts) > 0
    assert all(len(attempt["holds"]) == 1 for attempt in request.attempts)


def test_a_model_without_a_price_needs_leave(ask, acme, budget, provider, monkeypatch):
    from msgspec.structs import replace

    from routing.snapshot import catalog

    models = catalog().models
    monkeypatch.setitem(models, "alpha/alpha-1", replace(models["alpha/alpha-1"], priced=False))
    made = budget("1")
    with pytest.raises(openai.BadRequestError, match="price"):
        ask()
    made.allow_unpriced = True
    made.save()
    keys.forget_all()
    provider.say("alpha", whole(ANSWER))
    assert ask().choices[0].message.content == "Hello!"


def test_without_the_database_what_was_granted_may_be_spent_and_no_more(ask, acme, budget, provider, logged, monkeypatch):
    budget("1")
    provider.say("alpha", *[whole(ANSWER)] * 200)
    ask(max_tokens=10)

    def away(*args):
        raise OperationalError("the database is away")
        yield

    monkeypatch.setattr(leases, "lease", away)
    for _ in range(3):
        ask(max_tokens=100)  # out of the slice that had been granted
    with pytest.raises(openai.InternalServerError) as error:
        ask(max_tokens=16000)
    assert (error.value.status_code, error.value.code) == (503, "service_unavailable")
    monkeypatch.undo()
    ask(max_tokens=16000)
    assert len(logged(tenant=acme.tenant, status="ok")) == 5
    assert BudgetWindow.objects.get().spent == 5 * COST


def test_without_the_database_for_too_long_nothing_is_spent(ask, acme, budget, provider, monkeypatch):
    budget("1")
    provider.say("alpha", *[whole(ANSWER)] * 5)
    ask(max_tokens=10)
    monkeypatch.setattr(budgets, "GRACE_S", -1.0)
    with pytest.raises(openai.InternalServerError) as error:
        ask(max_tokens=10)
    assert error.value.status_code == 503


# --- streams

PIECE = "x" * 1000


def test_a_stream_that_can_be_watched_reserves_piece_by_piece(ask, acme, budget, provider, logged):
    """The whole that beta-1 might answer would cost 0.33 USD."""
    budget("0.2")
    provider.say("beta", stream(ROLE, *[chunk({"content": PIECE})] * 6, FINISH, USAGE, DONE))
    chunks = list(ask(model="beta/beta-1", stream=True))
    assert "max_tokens" not in provider.requests[0].json, "nobody needs to lower its limit"
    assert "budget" not in chunks[-1].model_extra["x_routeplex"]
    [request] = logged(tenant=acme.tenant)
    assert BudgetWindow.objects.get().spent == request.cost_usd * 10**12


def test_a_stream_stops_where_its_budget_does(ask, acme, budget, provider, logged):
    budget("0.035")
    provider.say("beta", stream(ROLE, *[chunk({"content": PIECE}), 0.01] * 50, FINISH, USAGE, DONE))
    with pytest.raises(openai.APIError) as error:
        for _ in ask(model="beta/beta-1", stream=True):
            pass
    assert error.value.code == "budget_exhausted"
    assert error.value.body["details"]["limit"] == "tenant_day_usd"
    [request] = logged(tenant=acme.tenant)
    assert (request.status, request.error_code) == ("error", "budget_exhausted")
    window = BudgetWindow.objects.get()
    assert 0 < window.spent == request.cost_usd * 10**12 <= 35 * 10**9
    assert request.usage_estimated


# --- while everything runs


def test_a_budget_may_be_raised_lowered_and_ended_at_run_time(ask, acme, budget, provider):
    made = budget("0.000010")
    provider.say("alpha", *[whole(ANSWER)] * 500)
    refused(ask)

    def serves():
        try:
            return bool(ask(max_tokens=10))
        except openai.RateLimitError:
            return False

    made.amount = Decimal(1)
    made.save()
    assert eventually(serves)
    made.amount = Decimal("0.000010")
    made.save()
    assert eventually(lambda: not serves())
    made.ended_at = datetime.now(UTC)
    made.save()
    assert eventually(serves)


def test_what_was_spent_before_counts_in_a_new_budget(ask, acme, budget, provider, logged):
    provider.say("alpha", *[whole(ANSWER)] * 2)
    ask()
    logged()
    budget("1")
    ask()
    logged()
    window = BudgetWindow.objects.get()
    assert (window.seed, window.spent) == (COST, 2 * COST)


def test_what_nobody_needs_goes_back(ask, acme, budget, provider, logged, monkeypatch):
    monkeypatch.setattr(budgets, "BEAT_S", 0.0)
    budget("1")
    provider.say("alpha", whole(ANSWER))
    ask()
    logged()
    slice_of_it = 10**12 // leases.SLICES
    assert eventually(lambda: BudgetWindow.objects.get().reserved <= slice_of_it)


def test_each_share_is_told_once(ask, acme, budget, provider, logged):
    budget(Decimal(4 * COST) / 10**12, alert_shares=[25, 50, 80])
    provider.say("alpha", *[whole(ANSWER)] * 4)
    told = []
    for _ in range(4):
        try:
            ask(max_tokens=16, extra_headers={"X-RoutePlex-Clamp": "off"})
        except openai.RateLimitError:
            break
        logged()
        told.append(sorted(BudgetAlert.objects.values_list("share", flat=True)))
    assert told in ([], [[25]], [[25], [25, 50]], [[25], [25, 50], [25, 50]]) or told[-1] == [25, 50]


# --- windows


def test_a_new_day_begins_at_midnight_where_the_tenant_lives(acme, budget, server, tmp_path):
    """The same process, a second before and after."""
    import asyncio

    from routing.types import SpendLimit

    made = budget("0.01")
    midnight = datetime(2099, 3, 29, 22, tzinfo=UTC).timestamp()  # of a day with 23 hours
    limit = SpendLimit(id=str(made.pk), owner="tenant", period="day", unit="usd", size=10**10, zone="Europe/Berlin")

    async def both():
        process = budgets.Budgets("test-1", tmp_path)
        behind = asyncio.create_task(process.run())
        before, _ = await process.take(limit, midnight - 1, 10**10, 10**10, 10**10)
        after, _ = await process.take(limit, midnight + 1, 10**10, 10**10, 10**10)
        with pytest.raises(Full):
            await process.take(limit, midnight + 2, 1, 1, 1)
        behind.cancel()
        before.purse.put(10**10)
        after.purse.put(10**10)
        await process.close()
        return before, after

    before, after = asyncio.run(both())
    assert before.ends_at == after.starts_at == midnight
    assert before.ends_at - before.starts_at == 23 * 3600
    assert [window.reserved for window in BudgetWindow.objects.order_by("starts_at")] == [0, 0]
    assert Hold.objects.count() == 2 and Spender.objects.get(pk="test-1").gone_at is None
