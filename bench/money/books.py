"""Do the books agree? Budgets, ledger and requests as the database has them, beside the provider's bills and the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

Bill = tuple[str, str, int, int]  # id, model, tokens in and out


class Finding(Struct, frozen=True):
    """One line of the result, and whether it is as it must be."""

    text: str
    good: bool = True


def findings(bills: Sequence[Bill], ended: Mapping[str, str], *, least_used: float) -> Iterator[Finding]:
    yield from _budgets(least_used)
    yield from _against_bills({name: (i, o) for name, _, i, o in bills})
    yield from _rows(ended)
    yield from _adds_up()


def _budgets(least_used: float) -> Iterator[Finding]:
    from gateway.models import BudgetWindow

    for window in BudgetWindow.objects.select_related("budget__api_key", "budget__tenant").order_by("pk"):
        budget = window.budget
        spent, size = budget.amount_of(window.spent), budget.amount_of(budget.size)
        share = window.spent / budget.size
        good = window.spent <= budget.size and window.reserved == 0
        yield Finding(f"{budget!s:50} spent {spent:f} of {size:f} ({share:.1%}), still held {window.reserved}", good)
    own = BudgetWindow.objects.select_related("budget").filter(budget__api_key=None)  # a key may be stopped by its tenant's
    used = min((window.spent / window.budget.size for window in own), default=0)
    yield Finding(f"each tenant's budget was used to {used:.1%} or more (at least {least_used:.0%})", used >= least_used)


def _against_bills(bills: Mapping[str, tuple[int, int]]) -> Iterator[Finding]:
    """What the provider says it served, call by call."""
    from gateway.models import LedgerEntry
    from gateway.tally import price
    from routing.snapshot import catalog
    from routing.types import PICO_PER_USD, Usage

    model, differing, kinds = catalog().models["book/novel"], 0, Counter[str]()
    exact = Decimal(0)
    entries = list(LedgerEntry.objects.all())
    for entry in entries:
        kinds[entry.kind] += 1
        if entry.kind == LedgerEntry.Kind.USAGE:
            billed = bills.get(entry.upstream_request_id)
            if billed != (entry.input_tokens, entry.output_tokens):
                differing += 1
                continue
            cost = price(model, Usage(input_tokens=billed[0], output_tokens=billed[1]), entry.at)
            differing += entry.amount_usd != Decimal(cost) / PICO_PER_USD
            exact += entry.amount_usd
    known = {entry.upstream_request_id for entry in entries}
    unknown = [name for name in bills if name not in known]
    yield Finding(f"ledger: {dict(kinds)}, {sum((e.amount_usd for e in entries), Decimal(0)):f} USD in all")
    yield Finding(
        f"the sandbox billed {len(bills)} calls; {kinds['usage']} of them stand in the ledger as counted by it, {exact:f} USD, "
        f"differing: {differing}",
        differing == 0,
    )
    yield Finding(
        f"the sandbox billed {len(unknown)} calls that have no entry by its name; {kinds['orphaned']} entries are of calls "
        "whose process was killed",
        len(unknown) <= kinds["orphaned"],
    )


def _rows(ended: Mapping[str, str]) -> Iterator[Finding]:
    from gateway.models import RequestLog

    statuses = dict(RequestLog.objects.values_list("request_id", "status"))
    expected: dict[str, set[str | None]] = {
        "ok": {"ok"},
        "stopped": {"error"},
        "refused": {"refused", "error"},
        "unavailable": {"refused", None},
    }
    wrong = sum(statuses.get(name) not in expected[how] for name, how in ended.items())
    unknown = sum(name not in statuses for name, how in ended.items() if how == "unavailable")
    yield Finding(
        f"answers that callers got: {dict(Counter(ended.values()))}, rows for them: {len(ended.keys() & statuses.keys())}; "
        f"without a row, because the key could not be checked: {unknown}; missing or with another end: {wrong}",
        wrong == 0,
    )
    more = Counter(status for name, status in statuses.items() if name not in ended)
    good = more.keys() <= {"orphaned", "client_gone", "ok", "error", "refused"} and more["ok"] <= more["orphaned"] + 8
    yield Finding(f"rows of requests whose answer no caller got to its end: {dict(more)}", good)


def _adds_up() -> Iterator[Finding]:
    from gateway.models import Spender
    from gateway.reconcile import differences, excess, miscounted, violations
    from gateway.rollups import roll_up

    roll_up()
    found = [*map(str, differences()), *map(str, miscounted())]
    yield Finding(f"reconcile: {'; '.join(found) or 'everything adds up'}", not found)
    yield Finding(f"budgets overrun: {violations()}; billed beyond limits, the operator's: {excess():f} USD", violations() == 0)
    holding = Spender.objects.filter(gone_at=None).count()
    yield Finding(f"processes that still hold money: {holding}", holding == 0)
