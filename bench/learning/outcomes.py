"""Requests that are over and what was said of them, made up by the thousand; and what learning has made of them."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from uuid import UUID

import msgspec
from django.db.models import Sum
from django.utils import timezone

from accounts.ids import request_id
from accounts.keys import create_key
from accounts.models import Tenant
from gateway.models import RequestLog
from learning.models import CountedVote, Feedback, TenantLearning
from routing.classify import classify_text
from routing.snapshot import catalog
from routing.types import Attempt, Classification, Usage

BATCH = 5000
FEEDBACK = 0.1
PROMPTS = (
    "Write a Python function that merges two sorted lists.",
    "Prove that the square root of two is irrational.",
    "Summarise this report in three sentences for the board.",
    "Hi, how are you today?",
)


def make(count: int, tenants: int) -> int:
    """How many of them got feedback."""
    draw = Random(5)
    people = [Tenant.objects.create(name=f"Tenant {number}") for number in range(tenants)]
    keys = {tenant.pk: create_key(tenant, "bench")[0] for tenant in people}
    abouts = [_about(words) for words in PROMPTS]
    models = [model.id for model in catalog().models.values()][:12]
    rows: list[RequestLog] = []
    said: list[Feedback] = []
    for number in range(count):
        tenant, about, model = draw.choice(people), draw.choice(abouts), draw.choice(models)
        rows.append(_row(number, tenant, keys[tenant.pk].pk, about, model, draw))
        if draw.random() < FEEDBACK:
            said.append(Feedback(tenant=tenant, request_id=rows[-1].request_id, signal="score", value=draw.random()))
        if len(rows) == BATCH or number == count - 1:
            RequestLog.objects.bulk_create(rows)
            Feedback.objects.bulk_create(said)
            rows, said = [], []
    return Feedback.objects.count()


def _about(words: str) -> Classification:
    found = classify_text(words)
    return Classification(
        query_type=found.query_type,
        posterior=found.posterior,
        complexity=found.complexity,
        needs={},
        input_tokens=40,
        max_output_tokens=None,
    )


def _row(number: int, tenant: Tenant, key: UUID, about: Classification, model: str, draw: Random) -> RequestLog:
    usage = Usage(input_tokens=40, output_tokens=draw.randint(20, 900))
    attempt = Attempt(number=1, model=model, provider=model.partition("/")[0], started_ms=0, finish="stop", usage=usage)
    return RequestLog(
        request_id=request_id(),
        tenant=tenant,
        api_key_id=key,
        received_at=timezone.now() - timedelta(days=1) + timedelta(milliseconds=number),
        status="ok",
        http_status=200,
        model=model,
        provider=attempt.provider,
        query_type=about.query_type,
        classification=msgspec.to_builtins(about),
        attempts=msgspec.to_builtins([attempt]),
        asked=f"{number:024}",
    )


def counted() -> tuple[int, int, int]:
    """Outcomes, votes, and rows of votes."""
    sums = TenantLearning.objects.aggregate(outcomes=Sum("outcomes"), votes=Sum("votes"))
    return sums["outcomes"], sums["votes"], CountedVote.objects.count()
