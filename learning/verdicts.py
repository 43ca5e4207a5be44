"""What a replay has found, in three honest tiers. JSON by msgspec, and a table for people (learning/tables.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from learning.calibration import Factor
from learning.offpolicy import Judgement


class Interval(Struct, frozen=True, kw_only=True):
    """95 %."""

    value: float
    low: float
    high: float


class Refusals(Struct, frozen=True, kw_only=True):
    """Requests that would have come when a budget was used up, at the list price of the tokens that are known."""

    budget: str
    recorded: int
    target: int


class Exact(Struct, frozen=True, kw_only=True):
    """Counts, and money that needs no model: what was paid, and list prices on the tokens that are known.

    Of `requests` (automatic, answered, readable), `same_model` would have gone to the same model first, `moved` to another, and
    `refused` to nobody, by the reason for which the recorded model could not serve. Left out: `named` (the caller's choice),
    `held_back` (on the baseline), `unanswered` and `unreadable` (kept in a form of another release, or their catalogue is not).
    """

    requests: int
    same_model: int
    moved: int
    refused: Mapping[str, int]
    named: int
    held_back: int
    unanswered: int
    unreadable: int
    recorded_models: Mapping[str, int]
    target_models: Mapping[str, int]
    recorded_usd: float  # of the requests that are not refused
    unmoved_usd: float  # of these, what stays as it was paid
    moved_usd: float  # what the moved ones have cost
    moved_at_list_usd: float  # the same tokens at the list prices of the models they would have gone to, without caches
    refused_usd: float
    budgets: Sequence[Refusals]


class Modelled(Struct, frozen=True, kw_only=True):
    """Of the requests that both serve: with the other model's own length of answers, hits of its provider's cache, and time."""

    cost_usd: Interval
    saved_usd: Interval  # against what was paid
    recorded_ms: float  # mean
    ms: Interval
    lengths: Mapping[str, Factor]  # of answers, by model that would have served
    times: Mapping[str, Factor]
    cache_hits: Factor


class Causal(Struct, frozen=True, kw_only=True):
    """Mean reward, by propensities, over the requests with feedback."""

    requests: int
    rated: int
    snips: Judgement
    doubly_robust: Judgement


class Replay(Struct, frozen=True, kw_only=True):
    since: datetime
    until: datetime
    target: str
    exact: Exact
    modelled: Modelled
    causal: Causal
