"""The ledger and the budgets: whatever happens in whatever order, no counter is off and nobody spends what is not there."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.keys import create_key
from accounts.models import Budget
from gateway import ledger, settlement
from gateway.alerts import shares_crossed
from gateway.leases import Ask, lease
from gateway.models import BudgetWindow, Hold, RequestLog, Spender
from gateway.purses import Purse
from gateway.reconcile import miscounted, violations
from gateway.recorder import Recorder
from tests import upstream as scripted
from tests.factories import TenantFactory
from tests.gateway.conftest import ROLE, WORDS
from tests.gateway.test_server import serving

NOON = datetime(2099, 1, 1, 12, tzinfo=UTC)
MICRO = 10**6  # pico-dollars
SIZE = 10_000 * MICRO
AMOUNT = st.integers(0, SIZE // 4)
WHICH = st.integers(0, 2)


class Process:
    """A gateway process as the database sees it, with the journal that survives it."""

    def __init__(self, number):
        self.name, self.purse, self.hold = f"host-{number}-x", Purse(), 0
        self.running = []  # (request id, reserved)
        self.journal = []  # rows, in order
        self.settled = 0  # of these, how many the recorder has read


class LedgerOfBudgets(RuleBasedStateMachine):
    """Any interleaving of lease, lost answer, reserve, end, overcharge, repeat, settle, crash, release, raise and lower."""

    @initialize()
    def begin(self):
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.tenant = TenantFactory()
        self.budget = Budget.objects.create(tenant=self.tenant, period="day", unit="usd", amount=Decimal(SIZE) / 10**12)
        Budget.objects.update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
        self.most = SIZE
        self.alive, self.dead, self.number, self.requests = [], [], 0, 0
        self.start()

    def teardown(self):
        if hasattr(self, "outer"):
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)

    @precondition(lambda self: len(self.alive) < 3)
    @rule()
    def start(self):
        self.number += 1
        self.alive.append(Process(self.number))

    def _any(self, which):
        return self.alive[which % len(self.alive)] if self.alive else None

    @rule(which=WHICH, need=AMOUNT, lost=st.booleans())
    def ask(self, which, need, lost):
        if (process := self._any(which)) is not None:
            self._ask(process, need, lost)

    def _ask(self, process, need, lost):
        day = NOON.replace(hour=0).timestamp()
        asked = Ask(budget=str(self.budget.pk), starts_at=day, ends_at=day + 86400, need=need, returned=process.purse.returned)
        [leased] = lease(process.name, "journal", [asked])
        process.hold = leased.hold
        if not lost:  # where the answer is lost, the process goes on with what it knew
            process.purse.granted = leased.granted

    @rule(which=WHICH, amount=AMOUNT)
    def reserve(self, which, amount):
        if (process := self._any(which)) is None:
            return
        if not process.hold or amount > process.purse.free:
            self._ask(process, amount, lost=False)
        if process.purse.take(amount):
            self.requests += 1
            process.running.append((f"req_{self.requests}", amount))

    @precondition(lambda self: any(process.running for process in self.alive))
    @rule(which=WHICH, cost=st.integers(0, SIZE // 2))
    def end(self, which, cost):
        """It may cost more than was reserved for it: then the operator pays the rest."""
        busy = [process for process in self.alive if process.running]
        process = busy[which % len(busy)]
        name, reserved = process.running.pop(0)
        charge = min(cost, process.purse.room(reserved))
        process.purse.charge(reserved, charge)
        process.journal.append(self._row(name, process, charge, cost))

    @rule(which=WHICH, keep=AMOUNT)
    def give_back(self, which, keep):
        if (process := self._any(which)) is not None:
            process.purse.low = process.purse.free
            process.purse.give_back(keep)

    @precondition(lambda self: any(process.journal for process in self.alive + self.dead))
    @rule(which=WHICH, count=st.integers(1, 4), again=st.integers(0, 3))
    def settle(self, which, count, again):
        """The recorder reads on; after a crash it reads some of it a second time."""
        told = [process for process in self.alive + self.dead if process.journal]
        process = told[which % len(told)]
        self._enter(process.journal[max(0, process.settled - again) : process.settled + count])
        process.settled = min(len(process.journal), process.settled + count)

    @rule(which=WHICH)
    def crash(self, which):
        if (process := self._any(which)) is not None:
            self.alive.remove(process)
            self.dead.append(process)
            for name, reserved in process.running:
                row = self._row(name, process, reserved, reserved // 3)
                row.status = "orphaned"
                process.journal.append(row)
            process.running = []

    @precondition(lambda self: any(process.settled == len(process.journal) for process in self.dead))
    @rule()
    def release(self):
        unfinished = {process.name for process in self.dead if process.settled < len(process.journal)}
        settlement.release("journal", lambda: unfinished | {process.name for process in self.alive})
        self.dead = [process for process in self.dead if process.name in unfinished]

    @rule(micro=st.integers(0, 20_000))
    def resize(self, micro):
        self.most = max(self.most, micro * MICRO)
        Budget.objects.filter(pk=self.budget.pk).update(amount=Decimal(micro) / MICRO)

    def _row(self, name, process, charge, cost):
        attempt = {"number": 1, "model": "a/b", "provider": "a", "cost": cost, "excess": cost - charge}
        attempt |= {"usage": {"input_tokens": 1}, "holds": [[process.hold, "usd", charge]]}
        paid = Decimal(min(cost, charge)) / 10**12
        return RequestLog(
            request_id=name, tenant_id=self.tenant.pk, api_key_id=self.tenant.pk, received_at=NOON, attempts=[attempt],
            status="ok", http_status=200, cost_usd=paid, input_tokens=1,
        )  # fmt: skip

    def _enter(self, rows):
        RequestLog.objects.bulk_create(rows, ignore_conflicts=True)
        settlement.settle(rows, ledger.enter)

    @invariant()
    def all_adds_up(self):
        if not hasattr(self, "tenant"):
            return
        assert list(miscounted()) == []
        assert violations() == 0
        for window in BudgetWindow.objects.all():
            assert window.spent + window.reserved <= self.most
            spent = ledger.spent([str(self.tenant.pk)], since=window.starts_at, until=window.ends_at)
            assert window.spent == round(spent * 10**12)

    @invariant()
    def nobody_has_more_than_the_database_knows(self):
        for process in getattr(self, "alive", []):
            hold = Hold.objects.filter(spender_id=process.name).first()
            if hold is not None:
                purse = process.purse
                assert purse.free >= 0
                assert purse.granted <= hold.granted and purse.returned >= hold.returned
                assert purse.charged >= hold.settled


@pytest.mark.django_db
def test_any_interleaving_keeps_every_sum():
    run_state_machine_as_test(
        LedgerOfBudgets,
        settings=settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)),
    )


# --- a process that dies


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_process_held_is_free_again_and_what_it_may_have_spent_is_not(tmp_path, server, provider, acme):
    Budget.objects.create(tenant=acme.tenant, period="day", unit="usd", amount=1)
    provider.say("beta", scripted.stream(ROLE, *WORDS, 60))
    with serving(tmp_path, provider.url) as (process, port):
        body = {"model": "beta-1", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"authorization": f"Bearer {acme.key}"}
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=20) as answer:
            pieces = answer.iter_bytes()
            assert next(pieces)
            window = BudgetWindow.objects.get()
            assert window.reserved > 0
            process.kill()
            process.wait()
    recorder = Recorder(tmp_path / "journal")
    while recorder.step():
        pass
    window.refresh_from_db()
    row = RequestLog.objects.get(tenant=acme.tenant)
    assert row.status == "orphaned"
    assert (window.reserved, window.spent) == (0, int(row.cost_usd * 10**12))
    assert window.spent > 0
    assert Spender.objects.get(holds__window=window).gone_at is not None
    assert list(miscounted()) == []


@pytest.mark.django_db(transaction=True)
def test_what_a_process_that_ends_well_held_is_free_at_once(tmp_path, provider, acme):
    Budget.objects.create(tenant=acme.tenant, period="day", unit="usd", amount=1)
    with serving(tmp_path, provider.url) as (process, port):
        headers = {"authorization": f"Bearer {acme.key}"}
        body = {"model": "beta-1", "messages": [{"role": "user", "content": "Hi"}]}
        httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body, headers=headers, timeout=20)
        assert BudgetWindow.objects.get().reserved > 0
        process.terminate()
        process.wait(20)
    assert BudgetWindow.objects.get().reserved == 0


@pytest.mark.django_db
def test_a_live_process_is_never_released():
    tenant = TenantFactory()
    budget = Budget.objects.create(tenant=tenant, period="day", unit="usd", amount=1)
    day = NOON.replace(hour=0).timestamp()
    [leased] = lease("host-1-x", "journal", [Ask(budget=str(budget.pk), starts_at=day, ends_at=day + 86400, need=5, returned=0)])
    Spender.objects.update(seen_at=datetime(2020, 1, 1, tzinfo=UTC))  # however long it was silent
    assert settlement.release("journal", lambda: {"host-1-x"}) == 0
    assert settlement.release("another journal", set) == 0
    assert BudgetWindow.objects.get().reserved == leased.granted > 0
    out = io.StringIO()
    call_command("reconcile", stdout=out)
    assert "host-1-x holds money and has been silent" in out.getvalue()
    call_command("release_holds", "host-1-x", stdout=out)
    assert BudgetWindow.objects.get().reserved == 0
    with pytest.raises(CommandError, match="No process"):
        call_command("release_holds", "host-1-x")


# --- commands, alerts


@pytest.mark.django_db
def test_a_counter_that_is_off_is_found():
    tenant = TenantFactory()
    budget = Budget.objects.create(tenant=tenant, period="day", unit="usd", amount=1)
    BudgetWindow.objects.create(budget=budget, starts_at=NOON, ends_at=NOON, spent=3 * 10**12, reserved=5, most=10**12)
    assert violations() == 1
    with pytest.raises(CommandError, match="5 counted, 0 held by processes; -5"):
        call_command("reconcile", stdout=io.StringIO())


@pytest.mark.django_db
def test_a_budget_is_set_changed_and_ended_by_one_command():
    tenant = TenantFactory(name="Acme")
    key, _ = create_key(tenant, "production")

    def said(*args, **more):
        out = io.StringIO()
        call_command("set_budget", "Acme", *args, stdout=out, **more)
        return out.getvalue()

    assert "25 USD a month for Acme" in said("25")
    assert "30 USD a month for Acme" in said("30", alerts="10,90")
    assert "1000 tokens a day for production" in said("1000", unit="tokens", period="day", key=key.prefix)
    assert [(b.amount, b.alert_shares) for b in Budget.objects.order_by("pk")] == [(30, [10, 90]), (1000, [50, 80, 100])]
    assert "has ended" in said("off")
    for wrong in (["off"], ["much"], ["-1"], ["5000000"]):
        with pytest.raises(CommandError):
            said(*wrong)


def test_shares_are_crossed_once_each():
    assert shares_crossed(0, 79, 100, [50, 80, 100]) == [50]
    assert shares_crossed(79, 100, 100, [50, 80, 100]) == [80, 100]
    assert shares_crossed(98, 99, 100, [50, 80, 100]) == [100], "what is left pays for nothing any more"
    assert shares_crossed(99, 100, 100, [50, 80, 100]) == []
    assert shares_crossed(100, 100, 100, [50, 80, 100]) == []
    assert shares_crossed(0, 0, 0, [50]) == []
