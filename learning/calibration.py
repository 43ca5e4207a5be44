"""How far is what was forecast from what came, for this tenant's own requests? Ratios of real to predicted. Pure.

A ratio has two factors: of the query type, whoever answers, and of the model, whatever is asked. Each is drawn to that of all
by its evidence; one that was never seen is that of all, with an error as large as leaving out one model (or type) after the
other shows. How single requests scatter is measured on conversations that the ratio was not computed from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from zlib import crc32

from msgspec import Struct, field

GROUPS = 20  # of conversations: one is held out at a time
GUESSED = 0.5  # how far ratios of models, or types, lie apart: a guess, which counts as one comparison
SCATTERED = 1.0  # likewise, single answers around their prediction


class Factor(Struct, frozen=True, kw_only=True):
    """Real over predicted. `error`: one standard error of it; `spread`: a single request's deviation, as a share of what was
    predicted; `n`: requests that it was computed from."""

    value: float = 1.0
    error: float = GUESSED
    spread: float = SCATTERED
    n: int = 0


class Sums(Struct):
    """Of some requests, real and predicted."""

    n: int = 0
    real: float = 0.0
    predicted: float = 0.0
    real_squared: float = 0.0
    both: float = 0.0
    predicted_squared: float = 0.0

    def add(self, other: Sums, ratio: float = 1.0) -> None:
        """With predictions that are corrected by this ratio."""
        self.n += other.n
        self.real += other.real
        self.predicted += ratio * other.predicted
        self.real_squared += other.real_squared
        self.both += ratio * other.both
        self.predicted_squared += ratio * ratio * other.predicted_squared

    def missed(self, ratio: float) -> float:
        """Squared, summed: what this ratio of the predictions misses of these requests."""
        return max(0.0, self.real_squared - 2 * ratio * self.both + ratio * ratio * self.predicted_squared)


Groups = Mapping[int, Sums]
Cell = tuple[str, str]  # model, query type


class Ratios(Struct):
    """What was seen so far; small, whatever the number of requests."""

    cells: dict[Cell, dict[int, Sums]] = field(default_factory=dict)

    def add(self, cell: Cell, cluster: str, real: float, predicted: float) -> None:
        if predicted > 0:
            seen = Sums(1, real, predicted, real * real, real * predicted, predicted * predicted)
            self.cells.setdefault(cell, {}).setdefault(crc32(cluster.encode()) % GROUPS, Sums()).add(seen)


class Factors(Struct, frozen=True):
    """Of one side: by name, and for names that were not seen."""

    by_name: Mapping[str, Factor]
    other: Factor

    def of(self, name: str) -> Factor:
        return self.by_name.get(name, self.other)


class Calibration(Struct, frozen=True):
    """The ratio of a cell is the product of both."""

    models: Factors
    types: Factors

    def of(self, cell: Cell) -> float:
        return self.models.of(cell[0]).value * self.types.of(cell[1]).value


class Total(Struct):
    """Forecasts of many requests, added up."""

    sums: dict[Cell, float] = field(default_factory=dict)
    squares: dict[Cell, float] = field(default_factory=dict)

    def add(self, cell: Cell, predicted: float) -> None:
        self.sums[cell] = self.sums.get(cell, 0.0) + predicted
        self.squares[cell] = self.squares.get(cell, 0.0) + predicted * predicted

    def calibrated(self, known: Calibration) -> tuple[float, float]:
        """What will come of it, and the variance: of both factors, and of single requests around them."""
        by_model: dict[str, float] = {}
        by_type: dict[str, float] = {}
        variance = 0.0
        for (model, query_type), predicted in self.sums.items():
            value = known.of((model, query_type)) * predicted
            by_model[model] = by_model.get(model, 0.0) + value
            by_type[query_type] = by_type.get(query_type, 0.0) + value
            scatter = known.models.of(model).spread * known.types.of(query_type).value
            variance += scatter**2 * self.squares[model, query_type]
        for factors, values in ((known.models, by_model), (known.types, by_type)):
            variance += sum((_relative(factors.of(name)) * value) ** 2 for name, value in values.items())
        return sum(by_model.values()), variance

    def factors(self, known: Calibration) -> dict[str, Factor]:
        """By model, for the work that was added up here; how much single requests scatter is left out."""
        found = {}
        for model in sorted({model for model, _ in self.sums}):
            own = Total(
                {cell: predicted for cell, predicted in self.sums.items() if cell[0] == model}, dict.fromkeys(self.sums, 0.0)
            )
            (value, variance), predicted = own.calibrated(known), sum(own.sums.values()) or 1.0
            of_model = known.models.of(model)
            found[model] = Factor(value=value / predicted, error=sqrt(variance) / predicted, spread=of_model.spread, n=of_model.n)
        return found


def _relative(factor: Factor) -> float:
    return factor.error / factor.value if factor.value else 0.0


def calibration(ratios: Ratios) -> Calibration:
    """Types first: what a tenant asks for is forecast wrong for all models alike; the models share what is left."""
    cells = ratios.cells.items()
    types = _factors(_gathered((query_type, groups, 1.0) for (_, query_type), groups in cells))
    models = _factors(_gathered((model, groups, types.of(query_type).value) for (model, query_type), groups in cells))
    return Calibration(models, types)


def _gathered(cells: Iterable[tuple[str, Groups, float]]) -> Mapping[str, Sequence[Sums]]:
    found: dict[str, dict[int, Sums]] = {}
    for name, groups, ratio in cells:
        for group, sums in groups.items():
            found.setdefault(name, {}).setdefault(group, Sums()).add(sums, ratio)
    return {name: list(groups.values()) for name, groups in found.items()}


def _factors(seen: Mapping[str, Sequence[Sums]]) -> Factors:
    everything = [sums for groups in seen.values() for sums in groups]
    if not any(sums.real for sums in everything):
        return Factors({}, Factor())
    ratio, apart = _ratio(everything), _apart(seen)
    spread = sqrt(sum(_spread(groups) ** 2 for groups in seen.values()) / len(seen))
    other = Factor(value=ratio, error=apart, spread=spread, n=0)
    return Factors({name: _drawn(groups, ratio, apart) for name, groups in seen.items()}, other)


def _drawn(groups: Sequence[Sums], ratio: float, apart: float) -> Factor:
    """To the ratio of all, by how much less is known of it than they lie apart."""
    error = _error(groups)
    own = apart**2 / (apart**2 + error**2)
    value = own * _ratio(groups) + (1 - own) * ratio
    return Factor(value=value, error=sqrt(own) * error, spread=_spread(groups), n=sum(sums.n for sums in groups))


def _ratio(groups: Iterable[Sums]) -> float:
    real = predicted = 0.0
    for sums in groups:
        real, predicted = real + sums.real, predicted + sums.predicted
    return real / predicted


def _apart(seen: Mapping[str, Sequence[Sums]]) -> float:
    """How far one lies from all others: what to expect of one that was never seen."""
    missed = [GUESSED * _ratio(sums for groups in seen.values() for sums in groups)]
    if len(seen) > 1:
        for name, groups in seen.items():
            others = _ratio(sums for other, theirs in seen.items() if other != name for sums in theirs)
            missed.append(_ratio(groups) - others)
    return sqrt(sum(one * one for one in missed) / len(missed))


def _error(groups: Sequence[Sums]) -> float:
    """One standard error of the ratio: the jackknife over the groups."""
    ratio = _ratio(groups)
    if len(groups) < 2:
        return SCATTERED * max(1.0, ratio) / sqrt(max(1, sum(sums.n for sums in groups)))
    left = [_ratio([*groups[:i], *groups[i + 1 :]]) for i in range(len(groups))]
    return sqrt(sum((one - ratio) ** 2 for one in left) * (len(left) - 1) / len(left))


def _spread(groups: Sequence[Sums]) -> float:
    """Of requests in a held-out group around the ratio of the others."""
    squares = sum(sums.predicted_squared for sums in groups)
    if len(groups) < 2 or not squares:
        return SCATTERED
    missed = sum(sums.missed(_ratio([*groups[:i], *groups[i + 1 :]])) for i, sums in enumerate(groups))
    return sqrt(missed / squares)
