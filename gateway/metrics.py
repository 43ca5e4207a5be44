"""What does Prometheus see of the data plane? Counted by the recorder, from the journals of its host.

A request pays nothing for it, no counter is lost with a killed process, and whatever the number of gateway processes there is
one place to ask: http://recorder:METRICS_PORT/metrics. What only a process itself knows comes from its vitals.
Labels are models, providers and causes; tenants only where METRICS_BY_TENANT says so, for their number grows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway import vitals
from gateway.record import Intent, Outcome
from routing.types import PICO_PER_USD, Attempt

REGISTRY = CollectorRegistry()
SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 25, 50, 100, 300, 600)
STATES = {"healthy": 0, "degraded": 1, "unhealthy": 2}

requests = Counter(
    "routeplex_requests", "Requests, by how they ended.", ["status", "code", "mode", "query_type"], registry=REGISTRY
)
attempts = Counter("routeplex_attempts", "Calls of providers.", ["provider", "model", "error"], registry=REGISTRY)
fallbacks = Counter(
    "routeplex_fallbacks", "Calls of another model, by what the one before it failed of.", ["cause"], registry=REGISTRY
)
seconds = Histogram(
    "routeplex_request_seconds",
    "From a request's arrival to its end.",
    ["provider", "stream"],
    buckets=SECONDS,
    registry=REGISTRY,
)
ttft = Histogram(
    "routeplex_ttft_seconds", "From a stream's arrival to its first content.", ["provider"], buckets=SECONDS, registry=REGISTRY
)
tokens = Counter("routeplex_tokens", "Tokens, as providers counted them.", ["provider", "model", "kind"], registry=REGISTRY)
cost = Counter("routeplex_cost_usd", "What providers charge.", ["provider", "model"], registry=REGISTRY)
tenant_requests = Counter("routeplex_tenant_requests", "Requests of a tenant.", ["tenant", "status"], registry=REGISTRY)
tenant_cost = Counter("routeplex_tenant_cost_usd", "What providers charge for a tenant.", ["tenant"], registry=REGISTRY)
violations = Gauge(
    "routeplex_budget_violations", "Windows, since the installation, in which more was spent than the budget.", registry=REGISTRY
)
journal_lag = Gauge("routeplex_journal_lag_seconds", "Since all that was written was in the database.", registry=REGISTRY)


def count(outcome: Outcome, first: Intent | Outcome, *, by_tenant: bool = False) -> None:
    """One request whose row is in the database; `first`: its line that holds the decision."""
    mode = first.decision.mode if first.decision else ""
    kind = first.classification.query_type if first.classification else ""
    requests.labels(outcome.status, outcome.error_code, mode, kind).inc()
    _count_attempts(outcome.attempts)
    seconds.labels(outcome.provider, str(outcome.stream).lower()).observe(outcome.duration_ms / 1000)
    if outcome.ttft_ms is not None:
        ttft.labels(outcome.provider).observe(outcome.ttft_ms / 1000)
    if by_tenant:
        tenant_requests.labels(outcome.tenant_id, outcome.status).inc()
        tenant_cost.labels(outcome.tenant_id).inc(_usd(outcome.cost))


def orphaned(number: int) -> None:
    """Requests whose process died."""
    if number:
        requests.labels("orphaned", "orphaned", "", "").inc(number)


_caught_up = time.monotonic()


def caught_up(at: float) -> None:
    """Everything that was written before then (monotonic seconds) is in the database."""
    global _caught_up
    _caught_up = at


journal_lag.set_function(lambda: time.monotonic() - _caught_up)


def _count_attempts(made: Iterable[Attempt]) -> None:
    before: Attempt | None = None
    for attempt in made:
        attempts.labels(attempt.provider, attempt.model, attempt.error or "").inc()
        if before is not None and before.model != attempt.model:
            fallbacks.labels(before.error or "").inc()
        before = attempt
        if attempt.usage is not None:
            cost.labels(attempt.provider, attempt.model).inc(_usd(attempt.cost))
            for kind in ("input", "output", "cached_input", "cache_write", "reasoning"):
                if amount := getattr(attempt.usage, f"{kind}_tokens"):
                    tokens.labels(attempt.provider, attempt.model, kind).inc(amount)


def _usd(pico: int) -> float:
    """Counters of Prometheus are floats; the ledger is what money is counted in."""
    return float(Decimal(pico) / PICO_PER_USD)


def serve(host: str, port: int, folder: Path) -> None:
    """In a thread of its own. Raises OSError where the port is taken."""
    REGISTRY.register(Processes(folder))
    start_http_server(port, host, REGISTRY)


class Processes(Collector):
    """The gateway processes of this host, by their vitals."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock

    def collect(self) -> Iterator[Metric]:
        known = dict(vitals.read(self._folder))
        fresh = {name: v for name, v in known.items() if self._clock() - v.at < vitals.SILENT_S}
        yield _gauge("hanging", "Processes that have not told of themselves lately.", [((), len(known) - len(fresh))])
        yield _gauge("in_flight", "Requests that a process is answering.", [((n,), v.in_flight) for n, v in fresh.items()])
        yield _gauge("event_loop_lag_seconds", "How late the loop came back.", [((n,), v.lag_s) for n, v in fresh.items()])
        yield _gauge("leaving", "1: takes no new work.", [((n,), int(v.leaving)) for n, v in fresh.items()])
        yield _gauge("without_redis", "1: counts limits by itself.", [((n,), int(v.without_redis)) for n, v in fresh.items()])
        ages = [((name,), v.keys_age_s) for name, v in fresh.items() if v.keys_age_s is not None]
        yield _gauge("snapshot_age_seconds", "Since the database last told what has changed.", ages)
        worst: dict[str, int] = {}
        for v in fresh.values():
            for target, state in v.targets.items():
                worst[target] = max(worst.get(target, 0), STATES[state])
        states = [((target,), state) for target, state in worst.items()]
        yield _gauge("target_state", "Models and credentials that are not well: 1 degraded, 2 breaker open.", states, "target")


def _gauge(name: str, help_: str, values: Iterable[tuple[tuple[str, ...], float]], label: str = "process") -> Metric:
    values = list(values)
    labels = [label] if not values or values[0][0] else []
    family = GaugeMetricFamily(f"routeplex_{name}", help_, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family
