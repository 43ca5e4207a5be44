"""The exact tier of a replay: what can be counted without believing anything."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

from gateway.records import Decided
from learning.targets import window_of
from learning.verdicts import Exact, Refusals
from routing.prices import cost, rates_for
from routing.types import PICO_PER_USD, Model, SpendLimit, Usage


class Spending(Struct, kw_only=True):
    """One budget, spent by what was recorded and by what would have been."""

    budget: SpendLimit
    spent: Counter[tuple[str, tuple[str, str]]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)

    def spend(self, row: Decided, recorded: int, target: int) -> None:
        tokens, window = row.input_tokens + row.output_tokens, window_of(self.budget, row)
        for who, pico in (("recorded", recorded), ("target", target)):
            amount = pico if self.budget.unit == "usd" else tokens
            if self.spent[who, window] + amount > self.budget.size:
                self.refusals[who] += 1
            else:
                self.spent[who, window] += amount

    def told(self) -> Refusals:
        return Refusals(budget=self.budget.name, recorded=self.refusals["recorded"], target=self.refusals["target"])


class Counts(Struct, kw_only=True):
    """`pico`: sums of money, by what they are."""

    spendings: tuple[Spending, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    pico: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    recorded_models: Counter[str] = field(default_factory=Counter)
    target_models: Counter[str] = field(default_factory=Counter)

    def leave_out(self, row: Decided, why: str) -> None:
        """It is not judged, and has cost what it has cost."""
        self.counts[why] += 1
        self._spend(row, row.cost)

    def refuse(self, row: Decided, reason: str) -> None:
        self.counts["requests"] += 1
        self.refused[reason] += 1
        self.pico["refused"] += row.cost
        self._spend(row, 0)

    def stay(self, row: Decided) -> None:
        self._serve(row, row.first.model)
        self.counts["same_model"] += 1
        self.pico["unmoved"] += row.cost
        self._spend(row, row.cost)

    def move(self, row: Decided, to: Model) -> None:
        self._serve(row, to.id)
        listed = at_list(row, to)
        self.counts["moved"] += 1
        self.pico["moved"] += row.cost
        self.pico["listed"] += listed
        self._spend(row, listed)

    def _serve(self, row: Decided, model: str) -> None:
        self.counts["requests"] += 1
        self.recorded_models[row.first.model] += 1
        self.target_models[model] += 1

    def _spend(self, row: Decided, target: int) -> None:
        for spending in self.spendings:
            spending.spend(row, row.cost, target)

    def told(self) -> Exact:
        usd = {what: self.pico[what] / PICO_PER_USD for what in ("unmoved", "moved", "listed", "refused")}
        return Exact(
            requests=self.counts["requests"],
            same_model=self.counts["same_model"],
            moved=self.counts["moved"],
            refused=dict(self.refused),
            named=self.counts["named"],
            held_back=self.counts["held_back"],
            unanswered=self.counts["unanswered"],
            unreadable=self.counts["unreadable"],
            recorded_models=dict(self.recorded_models.most_common()),
            target_models=dict(self.target_models.most_common()),
            recorded_usd=(self.pico["unmoved"] + self.pico["moved"]) / PICO_PER_USD,
            unmoved_usd=usd["unmoved"],
            moved_usd=usd["moved"],
            moved_at_list_usd=usd["listed"],
            refused_usd=usd["refused"],
            budgets=[spending.told() for spending in self.spendings],
        )


def at_list(row: Decided, model: Model) -> int:
    """Pico-dollars of the recorded tokens at this model's prices of that day."""
    rates = rates_for(model, on=row.received_at.date(), input_tokens=row.input_tokens)
    return cost(Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens), rates)
