"""How far forecasts are from what comes: drawn to what is known, and honest about models that were never seen."""

from __future__ import annotations

from random import Random

import pytest

from learning.calibration import Ratios, Total, calibration
from learning.intervals import half_width


def requests(rng, number, ratio, *, mood=0.3):
    """(conversation, real, predicted): answers of one conversation are alike in length."""
    for name in range(number):
        longer = rng.lognormvariate(-mood * mood / 2, mood)
        for _ in range(1 + int(rng.expovariate(0.7))):
            predicted = rng.uniform(50, 800)
            yield str(name), predicted * ratio * longer * rng.lognormvariate(-0.125, 0.5), predicted


def seen(**by_model):
    ratios = Ratios()
    for model, rows in by_model.items():
        for cluster, real, predicted in rows:
            ratios.add((model, "code"), cluster, real, predicted)
    return calibration(ratios)


def test_before_anything_was_seen_the_forecast_is_believed_and_doubted():
    factor = calibration(Ratios()).models.of("a")
    assert (factor.value, factor.n) == (1.0, 0) and factor.error >= 0.5


def test_with_evidence_the_ratio_is_known():
    known = seen(a=requests(Random(1), 3000, 1.7))
    assert known.of(("a", "code")) == pytest.approx(1.7, rel=0.05)
    assert known.models.of("a").error < 0.05


def test_a_model_that_was_seldom_seen_is_drawn_to_the_others():
    known = seen(a=requests(Random(1), 500, 1.0), b=requests(Random(2), 500, 1.2), c=[("x", 900.0, 300.0)])
    assert 1.1 < known.of(("c", "code")) < 3.0


def test_a_model_that_was_never_seen_is_less_sure_than_one_that_was():
    known = seen(a=requests(Random(1), 500, 0.6), b=requests(Random(2), 500, 1.8))
    assert known.models.of("never").error > 5 * known.models.of("a").error
    assert 0.6 < known.of(("never", "code")) < 1.8


def test_what_a_tenant_asks_for_and_who_answers_are_told_apart():
    """One model wrote all the code, the other all the prose: neither is to blame for the other's work."""
    rng, ratios = Random(3), Ratios()
    for model, query_type, ratio in (("a", "code", 2.0), ("b", "prose", 0.5), ("b", "code", 2.2), ("a", "prose", 0.5)):
        for cluster, real, predicted in requests(rng, 20 if (model, query_type) == ("a", "prose") else 500, ratio):
            ratios.add((model, query_type), cluster, real, predicted)
    known = calibration(ratios)
    assert known.of(("a", "prose")) == pytest.approx(0.5, rel=0.2)
    assert known.of(("b", "code")) == pytest.approx(2.2, rel=0.2)


def test_what_comes_of_held_out_requests_lies_in_the_interval_95_times_in_a_hundred():
    """The totals of other conversations than those that the ratio was computed from."""
    rng, times, held = Random(11), 400, 0
    for _ in range(times):
        ratio = rng.uniform(0.6, 1.8)
        known, total, came = seen(a=requests(rng, 120, ratio, mood=0.1)), Total(), 0.0
        for _cluster, real, predicted in requests(rng, 60, ratio, mood=0.1):
            total.add(("a", "code"), predicted)
            came += real
        value, variance = total.calibrated(known)
        held += abs(value - came) <= half_width(variance, 19)
    assert 0.92 <= held / times <= 0.98, held / times


def test_models_that_were_never_seen_lie_in_the_interval_too():
    rng, times, held = Random(12), 300, 0
    for _ in range(times):
        *others, new = (rng.lognormvariate(0, 0.35) for _ in range(6))
        known = seen(**{str(i): requests(rng, 60, ratio) for i, ratio in enumerate(others)})
        total, came = Total(), 0.0
        for _cluster, real, predicted in requests(rng, 60, new):
            total.add(("new", "code"), predicted)
            came += real
        value, variance = total.calibrated(known)
        held += abs(value - came) <= half_width(variance, 19)
    assert held / times >= 0.9, held / times
