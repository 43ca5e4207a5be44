"""How good would another policy have been, as far as the logged decisions can tell? Off-policy estimates. Pure.

    SNIPS           rewards, weighted by how much likelier the target policy was to take the logged action than the logging one
    doubly robust   what the direct model (the forecasts) expects of the target policy, corrected by its weighted errors

Both are self-normalised. Turns of a conversation are not independent, so intervals come from leaving out one conversation at
a time (the jackknife). Where the logged decisions cannot tell, the answer says so, and what would make it tellable.

Sources: Swaminathan and Joachims 2015 (SNIPS), Dudík et al. 2011 (doubly robust), Cameron and Miller 2015 (clusters).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import Literal

from msgspec import Struct

from learning.intervals import CannotTell, Estimate, Told, Z, half_width, kish
from learning.samples import Logged, Sums

LEAST_EFFECTIVE = 30.0  # effective rewards, and
LEAST_CLUSTERS = 12.0  # effective conversations, without which an interval means nothing
LEAST_SUPPORTED = 0.9  # of what the target policy takes: what of it was ever tried
PRECISION = 0.05  # of a reward: half the width of an interval that is worth having
DOUBTED = 6.0  # rewards of the largest variance that are thought beside the ones seen: successes in a row prove little
NOTHING = 1e-9  # of the rewards: a target policy that takes less of what was logged takes nothing of it
MOST_VARIANCE = 0.25  # of a reward, which is in 0..1
EXPLORING = 0.05  # the share of requests that exploring is thought to have, where it says how many requests it takes

By = Literal["snips", "doubly_robust"]


class Judgement(Struct, frozen=True, kw_only=True):
    """Of the target policy, of the one that was logged (the incumbent), and of the target less the incumbent."""

    target: Told
    incumbent: Told
    difference: Told


def judgement(logged: Logged, by: By) -> Judgement:
    """Means of the reward, 0..1."""
    data = _data(logged)
    target, incumbent = (_snips, _mean) if by == "snips" else (_doubly_robust, _direct_mean)
    why = _cannot(data)
    return Judgement(
        target=why or _of_target(data, target, doubt=data.doubts[0], least=0.0, value=target),
        incumbent=_no_feedback(data) or _of_incumbent(data, incumbent),
        difference=why or _of_target(data, lambda s: target(s) - incumbent(s), doubt=data.doubts[1], least=-1.0, value=target),
    )


_Mean = Callable[[Sums], float]


def _snips(s: Sums) -> float:
    return s.w_reward / s.w


def _mean(s: Sums) -> float:
    return s.u_reward / s.u


def _doubly_robust(s: Sums) -> float:
    return s.direct / s.n + (s.w_reward - s.w_expected) / s.w


def _direct_mean(s: Sums) -> float:
    return s.believed / s.n + (s.u_reward - s.u_expected) / s.u


class _Data(Struct, frozen=True, kw_only=True):
    """What all estimates need. `rest`: all, without one cluster at a time. `effective`: rewards, for the target policy and for
    the logging one. `doubts`: what a reward's variance makes of that of the target's value, the difference, the incumbent's."""

    total: Sums
    rest: Sequence[Sums]
    weights: Sequence[tuple[float, float]]  # of each cluster with rewards, for the target policy and for the logging one
    rated: int
    supported: float
    effective: tuple[float, float]
    doubts: tuple[float, float, float]


def _data(logged: Logged) -> _Data:
    clusters = list(logged.clusters.values())
    total = sum(clusters, Sums())
    w, u = total.w if total.w > NOTHING * total.u else inf, total.u or inf
    of_target, both, of_incumbent = logged.ww / w**2, logged.wu / (w * u), logged.uu / u**2
    return _Data(
        total=total,
        rest=[total - sums for sums in clusters],
        weights=[(sums.w, sums.u) for sums in clusters if sums.u],
        rated=logged.rated,
        supported=logged.supported / total.n if total.n else 1.0,
        effective=(1 / of_target if of_target else 0.0, 1 / of_incumbent if of_incumbent else 0.0),
        doubts=(of_target, max(0.0, of_target - 2 * both + of_incumbent), of_incumbent),
    )


def _of_target(data: _Data, mean: _Mean, *, doubt: float, least: float, value: _Mean) -> Estimate:
    """What the target policy takes that never could be tried may be worth anything: the interval has room for it."""
    half = half_width(_variance(data, mean, doubt, data.effective[0]), kish(w for w, _ in data.weights) - 1)
    untried, worth = 1 - data.supported, min(1.0, max(0.0, value(data.total)))
    found = mean(data.total)
    return _estimate(
        data, found, (found - half - untried * worth, found + half + untried * (1 - worth)), least, data.effective[0]
    )


def _of_incumbent(data: _Data, mean: _Mean) -> Estimate:
    half = half_width(_variance(data, mean, data.doubts[2], data.effective[1]), kish(u for _, u in data.weights) - 1)
    found = mean(data.total)
    return _estimate(data, found, (found - half, found + half), 0.0, data.effective[1])


def _estimate(data: _Data, value: float, interval: tuple[float, float], least: float, effective: float) -> Estimate:
    low, high = interval
    return Estimate(
        value=min(1.0, max(least, value)),
        low=max(least, low),
        high=min(1.0, high),
        effective_sample_size=effective,
        n=data.rated,
        clusters=len(data.weights),
        more_requests=max(0, ceil(data.rated * (((high - low) / 2 / PRECISION) ** 2 - 1))),
    )


def _variance(data: _Data, mean: _Mean, doubt: float, effective: float) -> float:
    """Over the conversations; at least what a few rewards of the largest variance would add."""
    found = [mean(rest) for rest in data.rest if rest.w > NOTHING * data.total.u and rest.u > 0]
    value = mean(data.total)
    jackknife = sum((one - value) ** 2 for one in found) * (len(found) - 1) / max(1, len(found))
    return max(jackknife, doubt * DOUBTED * MOST_VARIANCE / (effective + DOUBTED))


def _cannot(data: _Data) -> CannotTell | None:
    """Why nothing can be said of the target policy, if that is so."""
    if (why := _no_feedback(data)) is not None:
        return why
    if data.supported < LEAST_SUPPORTED or not data.effective[0]:
        return _never_tried(data)
    if data.effective[0] < LEAST_EFFECTIVE or kish(w for w, _ in data.weights) < LEAST_CLUSTERS:
        return _too_little(data)
    return None


def _no_feedback(data: _Data) -> CannotTell | None:
    if data.rated:
        return None
    needed = ceil(_effective_for_precision() / max(data.supported, EXPLORING))
    return CannotTell(
        why="no_feedback",
        in_words=f"Cannot tell: no request has feedback. It would take about {needed}.",
        more_requests=needed,
    )


def _never_tried(data: _Data) -> CannotTell:
    needed = _effective_for_precision()
    share = min(1.0, needed / data.rated)
    more = max(0, ceil(needed / EXPLORING) - data.rated)
    return CannotTell(
        why="never_tried",
        in_words=f"Cannot tell: {100 * data.supported:.0f} % of what it would choose might have been tried. If its choices were"
        f" tried on {100 * share:.2g} % of the requests, a time like this one would do; on {100 * EXPLORING:.0f} %, about {more}"
        " more requests with feedback.",
        more_requests=more,
        exploring=share,
        supported=data.supported,
    )


def _too_little(data: _Data) -> CannotTell:
    effective = data.effective[0]
    more = max(1, ceil((_effective_for_precision() - effective) * data.rated / max(effective, 1.0)))
    return CannotTell(
        why="too_little",
        in_words=f"Cannot tell: the {data.rated} requests with feedback are worth {effective:.0f} of those that went where it"
        f" would send them. It would take about {more} more.",
        more_requests=more,
    )


def _effective_for_precision() -> float:
    """Rewards, if they vary as much as they can."""
    return MOST_VARIANCE * (Z / PRECISION) ** 2
