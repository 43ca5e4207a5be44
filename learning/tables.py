"""A replay and the savings meter as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from learning.intervals import CannotTell, Estimate, Told
from learning.savings import Savings
from learning.twosamples import Compared
from learning.verdicts import Causal, Exact, Interval, Modelled, Replay


def replay_table(found: Replay) -> str:
    head = f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC, under: {found.target}"
    if not found.exact.requests:
        return "\n".join([head, "", "No automatic decisions to judge.", *_left_out(found.exact)])
    parts = [_exact(found.exact), _modelled(found.exact, found.modelled), _causal(found.causal)]
    return "\n".join([head, *(line for part in parts for line in ("", *part))])


def _exact(exact: Exact) -> Iterator[str]:
    yield "EXACT"
    yield _line("requests", f"{exact.requests}")
    yield _line("  to the same model", f"{exact.same_model}  ({_percent(exact.same_model / exact.requests)})")
    yield _line("  to another", f"{exact.moved}")
    for reason, number in exact.refused.items():
        yield _line("  refused", f"{number}  {reason}")
    yield _line("were paid", _usd(exact.recorded_usd))
    yield _line("  stay as they are", _usd(exact.unmoved_usd))
    yield _line(
        "  of those that move", f"{_usd(exact.moved_usd)}, the same tokens at list prices {_usd(exact.moved_at_list_usd)}"
    )
    for budget in exact.budgets:
        yield _line(f"budget {budget.budget}", f"would have refused {budget.target}, as it was {budget.recorded}")
    yield from _left_out(exact)
    yield from _models(exact.recorded_models, exact.target_models)


def _left_out(exact: Exact) -> Iterator[str]:
    for what, number in (
        ("model named by the caller", exact.named),
        ("held back on the baseline", exact.held_back),
        ("not answered", exact.unanswered),
        ("cannot be read", exact.unreadable),
    ):
        if number:
            yield _line("left out", f"{number}  {what}")


def _models(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[str]:
    for model in sorted({*before, *after}, key=lambda model: -after.get(model, 0)):
        yield _line(f"  {model}", f"{before.get(model, 0)} → {after.get(model, 0)}")


def _modelled(exact: Exact, modelled: Modelled) -> Iterator[str]:
    saved = modelled.saved_usd
    yield "MODELLED (95 %, errors of forecasts on held-out requests)"
    yield _line("would have cost", _span(modelled.cost_usd, _usd))
    yield _line(
        "saved", f"{_span(saved, _usd)}, {_percent(saved.value / exact.recorded_usd)}" if exact.recorded_usd else "nothing"
    )
    yield _line("time of an answer", f"{_span(modelled.ms, _ms)}, as it was {_ms(modelled.recorded_ms)}")
    for model, factor in modelled.lengths.items():
        yield _line(
            f"  {model}", f"answers × {factor.value:.2f} ± {2 * factor.error:.2f} of the forecast, from {factor.n} requests"
        )


def _causal(causal: Causal) -> Iterator[str]:
    yield f"CAUSAL (quality 0..1, from {causal.rated} of {causal.requests} requests that have feedback)"
    if isinstance(causal.snips.incumbent, CannotTell):
        yield f"  {causal.snips.incumbent.in_words}"
        return
    yield _line("as it was", _told(causal.snips.incumbent))
    for name, found in (("SNIPS", causal.snips), ("doubly robust", causal.doubly_robust)):
        yield _line(name, _told(found.target))
        if isinstance(found.difference, Estimate):
            yield _line("  difference", _told(found.difference, sign="+"))


def _told(told: Told, sign: str = "") -> str:
    if isinstance(told, CannotTell):
        return told.in_words
    span = f"{told.value:{sign}.3f}  ({told.low:{sign}.3f} to {told.high:{sign}.3f})"
    more = f", ± 0.05 after about {told.more_requests} more" if told.more_requests else ""
    return f"{span}, effective sample size {told.effective_sample_size:.0f}, {told.clusters} conversations{more}"


def _line(what: str, value: str) -> str:
    return f"  {what:<28} {value}"


def _span(interval: Interval, shown: Callable[[float], str]) -> str:
    return f"{shown(interval.value)}  ({shown(interval.low)} to {shown(interval.high)})"


def _usd(amount: float) -> str:
    return f"{amount:.6f} USD" if abs(amount) < 1 else f"{amount:,.2f} USD"


def _ms(amount: float) -> str:
    return f"{amount:,.0f} ms"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# --- the savings meter


def savings_table(found: Savings) -> str:
    head = f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
    return "\n".join([head, "", *_savings(found), "", *found.in_words]).rstrip()


def _savings(found: Savings) -> Iterator[str]:
    models = ", ".join(f"{model} ({number})" for model, number in found.baseline.items())
    yield _line("held back on the baseline", f"{found.held_back} conversations{': ' if models else ''}{models}")
    yield _line("routed", f"{found.routed} conversations")
    if found.mixed:
        yield _line("left out", f"{found.mixed} conversations that changed sides")
    if not found.held_back:
        return
    cost, quality = found.saved_usd, found.quality
    yield _line("cost of a conversation", f"{_usd(cost.one)} held back, {_usd(cost.other)} routed")
    yield from _difference("saved by routing", cost, _usd)
    if cost.one and isinstance(cost.difference, Estimate):
        yield _line("  in all", f"{_usd(found.saved_in_all_usd)}, {_percent(cost.difference.value / cost.one)} of the baseline")
    if isinstance(quality.difference, Estimate):
        yield _line("quality (0..1)", f"{_share(quality.other)} held back, {_share(quality.one)} routed")
        yield from _difference("  gained by routing", quality, _share)


def _difference(what: str, found: Compared, shown: Callable[[float], str]) -> Iterator[str]:
    if isinstance(found.difference, Estimate):
        interval = Interval(value=found.difference.value, low=found.difference.low, high=found.difference.high)
        yield _line(what, _span(interval, shown))
    if found.shuffled is not None:
        spread = " | ".join(shown(quantile) for quantile in found.shuffled.quantiles)
        yield _line("  with shuffled labels", f"{spread}  (2.5, 25, 50, 75, 97.5 %)")
        yield _line("  as large by chance", _percent(found.shuffled.as_large))


def _share(amount: float) -> str:
    return f"{amount:+.3f}" if amount < 0 else f"{amount:.3f}"
