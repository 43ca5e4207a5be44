"""The modelled tier of a replay: cost and time of a model that did not answer.

Its answer would have had another length, and its provider's cache other contents. Both are forecast as routing does, and
calibrated on the tenant's own requests (learning/calibration.py), which says how wrong that may be.
"""

from __future__ import annotations

from msgspec import Struct, field

from gateway.records import Decided
from learning.calibration import GROUPS, Cell, Factor, Ratios, Total, calibration
from learning.intervals import half_width
from learning.verdicts import Interval, Modelled
from routing.prices import rates_for
from routing.types import PICO_PER_USD, Forecast, Incumbent, Model

ANY: Cell = ("any", "any")  # caches are hit or missed by the pace of a conversation, whoever answers


class Forecasts(Struct, kw_only=True):
    """Sums of money are in pico-dollars; `unmoved`: of requests that stay where they were."""

    lengths: Ratios = field(default_factory=Ratios)
    times: Ratios = field(default_factory=Ratios)
    hits: Ratios = field(default_factory=Ratios)
    outputs: Total = field(default_factory=Total)
    cached: Total = field(default_factory=Total)  # what caches may save
    ms: Total = field(default_factory=Total)
    requests: int = 0
    recorded: float = 0.0
    fixed: float = 0.0  # of what would be paid: unmoved requests, and the input of the moved ones, were none of it cached
    recorded_ms: float = 0.0
    fixed_ms: float = 0.0

    def learn(self, row: Decided) -> None:
        """From an answer: how far it was from its forecast. Only what went to one model, once, and was counted by it."""
        if len(row.attempts) != 1 or row.model != row.first.model or row.usage_estimated:
            return
        forecast, cell, at = row.first.forecast, _cell(row, row.model), row.cluster
        self.lengths.add(cell, at, row.output_tokens, forecast.output_tokens)
        if row.duration_ms is not None:
            self.times.add(cell, at, row.duration_ms, forecast.ms)
        incumbent = row.decision.question.incumbent if row.decision else None
        if incumbent is not None and incumbent.model == row.model:
            self.hits.add(ANY, at, row.cached_input_tokens, min(incumbent.cached_tokens, row.input_tokens))

    def stay(self, row: Decided) -> None:
        self._serve(row)
        self.fixed += row.cost
        self.fixed_ms += row.duration_ms or 0

    def move(self, row: Decided, to: Model, forecast: Forecast, incumbent: Incumbent | None) -> None:
        self._serve(row)
        rates = rates_for(to, on=row.received_at.date(), input_tokens=row.input_tokens)
        self.fixed += row.input_tokens * rates.input
        self.outputs.add(_cell(row, to.id), forecast.output_tokens * rates.output)
        self.ms.add(_cell(row, to.id), forecast.ms)
        if incumbent is not None and incumbent.model == to.id and rates.cached_input is not None:
            self.cached.add(ANY, min(incumbent.cached_tokens, row.input_tokens) * (rates.input - rates.cached_input))

    def _serve(self, row: Decided) -> None:
        self.requests += 1
        self.recorded += row.cost
        self.recorded_ms += row.duration_ms or 0

    def told(self) -> Modelled:
        lengths, times, hits = calibration(self.lengths), calibration(self.times), calibration(self.hits)
        outputs, cached, ms = self.outputs.calibrated(lengths), self.cached.calibrated(hits), self.ms.calibrated(times)
        cost, each = self.fixed + outputs[0] - cached[0], max(1, self.requests)
        half = half_width(outputs[1] + cached[1], GROUPS - 1)
        return Modelled(
            cost_usd=_interval(cost, half, PICO_PER_USD),
            saved_usd=_interval(self.recorded - cost, half, PICO_PER_USD, least=None),
            recorded_ms=self.recorded_ms / each,
            ms=_interval(self.fixed_ms + ms[0], half_width(ms[1], GROUPS - 1), each),
            lengths=self.outputs.factors(lengths),
            times=self.ms.factors(times),
            cache_hits=self.cached.factors(hits).get(ANY[0], Factor()),
        )


def _interval(value: float, half: float, each: float, least: float | None = 0.0) -> Interval:
    low = value - half if least is None else max(least, value - half)
    return Interval(value=value / each, low=low / each, high=(value + half) / each)


def _cell(row: Decided, model: str) -> Cell:
    assert row.classification is not None
    return model, row.classification.query_type
