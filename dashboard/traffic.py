"""Three months of a company's traffic, made up: days and nights, growth, an incident, feedback, money. Deterministic.

Decisions are real ones, made by the router for real prompts; who answers how well, how long and how fast is drawn. Rows go where
the recorder would put them, with their ledger; sums and what is learned are then made by the product itself.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import cos, exp, pi
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from django.db import transaction
from msgspec import Struct

from accounts.ids import request_id
from accounts.keys import create_key
from accounts.models import ApiKey, Tenant
from gateway import ledger
from gateway.models import RequestLog
from gateway.tally import price
from gateway.wire import openai
from learning.models import Feedback
from routing.classify import classify
from routing.decide import choose, question
from routing.decisions import RecordedView, kept
from routing.enhance import paragraph_of
from routing.quality import prior
from routing.snapshot import catalog
from routing.types import PICO_PER_USD, Attempt, Caller, Classification, Decision, Model, Seen, Usage

FILE = Path(__file__).with_name("traffic.toml")
SEEDS = 4  # decisions for each prompt and strategy: near-ties fall differently
BATCH = 1000
TURNS = 1.6  # of a conversation, on average
PROVIDERS = frozenset({"openai", "anthropic", "google"})
INCIDENT_DAYS_AGO, INCIDENT_HOURS, INCIDENT = 20, 5, "openai"
FEEDBACK = 0.07
LIKED = {"anthropic": 0.1, "openai": 0.02, "google": -0.06}  # how much better than believed each does at code here
ERRORS = (("timeout", None), ("overloaded", 529), ("rate_limited", 429), ("server", 500))


class Work(Struct, frozen=True):
    key: str
    share: float
    night: float
    strategies: Mapping[str, int]
    stream: float
    prompts: Sequence[str]


class Made(Struct, frozen=True):
    """A decision that many requests share, with what belongs to it."""

    decision: Decision
    classification: Classification
    told: Mapping[str, Any]
    classified: Mapping[str, Any]


def make(tenant: Tenant, *, requests: int, days: int, until: datetime, seed: int = 1) -> int:
    """How many were made: about `requests`. The keys of the works in traffic.toml are made where they are missing."""
    draw = Random(seed)  # noqa: S311
    works = [msgspec.convert(work, Work) for work in tomllib.loads(FILE.read_text("utf-8"))["works"]]
    keys = {work.key: _key(tenant, work.key) for work in works}
    decided = {work.key: _decided(work, tenant, until) for work in works}
    rows: list[RequestLog] = []
    said: list[Feedback] = []
    count = 0
    for at in _moments(draw, round(requests / TURNS), days, until):
        work = _working(draw, works, at)
        for row in _conversation(draw, tenant, keys[work.key], work, decided[work.key], at, until):
            rows.append(row)
            said += _feedback(draw, row)
        if len(rows) >= BATCH:
            count += _write(rows, said)
            rows, said = [], []
    return count + _write(rows, said)


@transaction.atomic
def _write(rows: Sequence[RequestLog], said: Sequence[Feedback]) -> int:
    RequestLog.objects.bulk_create(rows)
    ledger.enter(rows)
    Feedback.objects.bulk_create(said)
    return len(rows)


def _key(tenant: Tenant, name: str) -> ApiKey:
    return tenant.api_keys.filter(name=name).first() or create_key(tenant, name)[0]


# --- when


def _moments(draw: Random, requests: int, days: int, until: datetime) -> list[datetime]:
    """More at day than at night, less at weekends, more from week to week."""
    found: list[datetime] = []
    start = until - timedelta(days=days)
    while len(found) < requests:
        at = start + timedelta(days=days) * draw.random()
        grown = 0.35 + 0.65 * ((at - start) / timedelta(days=days))
        week = 0.45 if at.weekday() >= 5 else 1.0
        if draw.random() < grown * week * _by_hour(at.hour + at.minute / 60, 0.25):
            found.append(at)
    return sorted(found)


def _by_hour(hour: float, night: float) -> float:
    day = 0.5 - 0.5 * cos((hour - 3) * 2 * pi / 24)
    return night + (1 - night) * float(day**1.5)


def _working(draw: Random, works: Sequence[Work], at: datetime) -> Work:
    weights = [work.share * (0.1 + _by_hour((at.hour + (12 if work.night == 1.0 else 0)) % 24, work.night)) for work in works]
    return draw.choices(works, weights)[0]


# --- what


def _decided(work: Work, tenant: Tenant, until: datetime) -> dict[str, list[Made]]:
    """By strategy."""
    known = catalog()
    seen = Seen(reachable=PROVIDERS)
    view = RecordedView(version=known.version, weights=prior(known), catalog=known, seen=seen)
    found: dict[str, list[Made]] = {strategy: [] for strategy in work.strategies}
    for strategy in work.strategies:
        caller = Caller(tenant_id=str(tenant.pk), key_id="", key_prefix="", test=False, strategy=strategy)
        for number, prompt in enumerate(work.prompts):
            body = json.dumps({"model": "routeplex-ai", "messages": [{"role": "user", "content": prompt}]}).encode()
            for seed in range(SEEDS):
                request = openai.parse(body, {}, f"demo-{work.key}-{number}-{seed}")
                classification = classify(request)
                decision = choose(question(request, classification, caller, until.date(), None), classification, view)
                told, classified = msgspec.to_builtins(kept(decision)), msgspec.to_builtins(classification)
                found[strategy].append(Made(decision, classification, told, classified))
    return found


def _conversation(
    draw: Random, tenant: Tenant, key: ApiKey, work: Work, decided: Mapping[str, Sequence[Made]], at: datetime, until: datetime
) -> Iterator[RequestLog]:
    strategy = draw.choices(list(work.strategies), list(work.strategies.values()))[0]
    mark = f"{draw.getrandbits(96):024x}"
    for _ in range(1 if draw.random() < 0.7 else draw.randint(2, 4)):
        if at >= until:
            return
        yield _row(draw, tenant, key, work, draw.choice(decided[strategy]), at, until, mark)
        at += timedelta(seconds=draw.randint(20, 400))


def _row(
    draw: Random, tenant: Tenant, key: ApiKey, work: Work, made: Made, at: datetime, until: datetime, mark: str
) -> RequestLog:
    stream = draw.random() < work.stream
    attempts = _attempts(draw, made, at, until, stream)
    last = attempts[-1]
    status = "ok" if last.error is None else "client_gone" if last.error == "client_gone" else "error"
    usage = last.usage or Usage()
    served = last.error in (None, "client_gone")
    return RequestLog(
        request_id=request_id(),
        tenant=tenant,
        api_key=key,
        received_at=at,
        is_stream=stream,
        requested_model="routeplex-ai",
        strategy=made.decision.strategy,
        query_type=made.classification.query_type,
        classification=made.classified,
        decision=made.told,
        attempts=msgspec.to_builtins(attempts),
        conversation=mark,
        enhanced=_enhanced(draw, made.classification.query_type),
        status=status,
        http_status={"ok": 200, "client_gone": 499, "error": 502}[status],
        error_code="" if status == "ok" else status if status == "client_gone" else "all_providers_failed",
        model=last.model,
        provider=last.provider,
        duration_ms=last.started_ms + (last.duration_ms or 0),
        ttft_ms=last.started_ms + last.ttft_ms if last.ttft_ms is not None and served else None,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_usd=sum(attempt.cost for attempt in attempts) / PICO_PER_USD,
        learned=False,
    )


def _enhanced(draw: Random, query_type: str) -> str:
    """One in twelve asks for it, and half of those prompts are clear."""
    if draw.random() > 1 / 12:
        return ""
    name = f"{query_type}.en"
    return name if draw.random() < 0.5 and paragraph_of(name) else "unchanged"


def _attempts(draw: Random, made: Made, at: datetime, until: datetime, stream: bool) -> list[Attempt]:
    found: list[Attempt] = []
    began = draw.randint(1, 4)
    for candidate in made.decision.candidates:
        attempt = _attempt(draw, made, candidate.model, at, until, stream, began)
        attempt.number = len(found) + 1
        found.append(attempt)
        if attempt.error in (None, "client_gone"):
            break
        began += attempt.duration_ms or 0
    return found


def _attempt(draw: Random, made: Made, model: Model, at: datetime, until: datetime, stream: bool, began: int) -> Attempt:
    forecast = next(ranked.forecast for ranked in made.decision.ranked if ranked.model == model.id)
    first = int(model.ttft_ms * exp(draw.gauss(0, 0.35)))
    plain = {"number": 1, "model": model.id, "provider": model.provider, "started_ms": began}
    if draw.random() < (0.7 if _ill(model, at, until) else 0.012):
        kind, status = draw.choice(ERRORS)
        took = 30_000 if kind == "timeout" else first
        return Attempt(**plain, duration_ms=took, error=kind, status=status, detail=kind)  # type: ignore[arg-type]
    tokens = max(4, int(forecast.output_tokens * exp(draw.gauss(-0.1, 0.5))))
    gone = draw.random() < 0.008
    usage = Usage(
        input_tokens=made.classification.input_tokens + draw.choice((0, 40, 220, 900)),
        output_tokens=tokens // 3 or 1 if gone else tokens,
        estimated=gone,
    )
    return Attempt(
        **plain,  # type: ignore[arg-type]
        duration_ms=first + int(usage.output_tokens * 1000 / model.output_tokens_per_s * exp(draw.gauss(0, 0.2))),
        ttft_ms=first if stream else None,
        error="client_gone" if gone else None,
        status=200,
        usage=usage,
        finish=None if gone else "stop",
        cost=price(model, usage, at),
    )


def _ill(model: Model, at: datetime, until: datetime) -> bool:
    began = until - timedelta(days=INCIDENT_DAYS_AGO)
    return model.provider == INCIDENT and began <= at < began + timedelta(hours=INCIDENT_HOURS)


# --- what is said of it


def _feedback(draw: Random, row: RequestLog) -> list[Feedback]:
    if row.status != "ok" or draw.random() > FEEDBACK:
        return []
    assert row.decision is not None
    believed = next(forecast[0] for model, _, _, forecast in row.decision["ranked"] if model == row.model)
    liked = LIKED.get(row.provider, 0.0) if row.query_type.startswith("code") else LIKED.get(row.provider, 0.0) / 3
    up = draw.random() < min(0.98, max(0.05, believed + liked))
    plain = {"tenant": row.tenant, "api_key": row.api_key, "request_id": row.request_id, "given_at": row.received_at}
    if draw.random() < 0.4:
        stars = (5 if draw.random() < 0.7 else 4) if up else draw.choice((1, 2, 2, 3))
        return [Feedback(**plain, signal="rating", value=(stars - 1) / 4)]
    return [Feedback(**plain, signal="thumb", value=float(up))]
