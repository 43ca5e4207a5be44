"""learn(): what is new since the last time is claimed, believed and published, in one transaction.

A crash leaves everything as it was, and the next run does it again: each outcome and each word of feedback counts once. Several
workers may run at a time; they claim different requests and take turns with a tenant.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

import msgspec
from django.db import transaction
from django.utils import timezone

from gateway import records
from gateway.records import Ended
from learning import beliefs as believing
from learning import counting, publishing
from learning.beliefs import Beliefs
from learning.models import Feedback, TenantLearning
from learning.reward import of_attempt
from routing.lengths import expected, output_tokens
from routing.snapshot import catalog
from routing.types import Classification

BATCH = 2000
NEVER_CAME = timedelta(hours=3)  # then feedback on a request that nobody knows is given up

log = logging.getLogger("routeplex.learning")


def learn(limit: int = BATCH) -> int:
    """One batch; how many outcomes and words of feedback were in it."""
    with transaction.atomic():
        ended = records.to_be_learned(limit)
        said = counting.waiting(limit)
        by_tenant = {tenant: list(rows) for tenant, rows in groupby(sorted(ended, key=_tenant), key=_tenant)}
        spoken = {str(tenant): list(rows) for tenant, rows in groupby(said, key=lambda row: row.tenant_id)}
        for tenant_id in sorted(by_tenant.keys() | spoken.keys()):
            _learn(tenant_id, by_tenant.get(tenant_id, []), spoken.get(tenant_id, []))
        records.learned(ended)
    return len(ended) + len(said)


def give_up() -> int:
    """Feedback on requests that never came; how much that was."""
    late = Feedback.objects.filter(waiting=True, given_at__lt=timezone.now() - NEVER_CAME)
    return late.update(waiting=False, counts=False)


def _tenant(row: Ended) -> str:
    return row.tenant_id


def _learn(tenant_id: str, ended: Sequence[Ended], said: Sequence[Feedback]) -> None:
    state = state_of(tenant_id)
    if state is None:  # the tenant is gone
        return
    if not state.learns:
        counting.done(said)
        return
    beliefs = read(state)
    for row in ended:
        if row.ended and not row.test and row.classification is not None and row.key_id != str(state.judge_key_id):
            believing.came(beliefs)
            _outcome(beliefs, row, row.classification)
            state.outcomes += 1
    state.votes += counting.count(state, beliefs, [*said, *counting.unsaid(state, ended)])
    state.beliefs = msgspec.json.encode(beliefs)
    state.learned_at = timezone.now()
    publishing.publish_if_moved(state, beliefs)
    state.save()


def state_of(tenant_id: str) -> TenantLearning | None:
    """Locked, made where there is none yet. In a transaction."""
    from accounts.models import Tenant

    if not Tenant.objects.filter(pk=tenant_id, is_active=True).exists():
        return None
    TenantLearning.objects.get_or_create(tenant_id=tenant_id)
    return TenantLearning.objects.select_for_update().get(tenant_id=tenant_id)


def read(state: TenantLearning) -> Beliefs:
    return msgspec.json.decode(bytes(state.beliefs), type=Beliefs) if state.beliefs else Beliefs()


# --- one outcome


def _outcome(beliefs: Beliefs, row: Ended, classification: Classification) -> None:
    limited = classification.max_output_tokens is not None
    for attempt in row.attempts:
        served = attempt is row.attempts[-1] and attempt.error is None
        if (reward := of_attempt(attempt, served=served, limited=limited)) is not None:
            believing.reliable(beliefs, row.query_type, attempt.model, reward)
        if served and attempt.usage is not None and not attempt.usage.estimated and attempt.finish == "stop":
            _length(beliefs, row.query_type, attempt.model, attempt.usage.output_tokens, classification)


def _length(beliefs: Beliefs, query_type: str, model_id: str, tokens: int, about: Classification) -> None:
    if (model := catalog().models.get(model_id)) is None:
        return
    predicted = output_tokens(expected(about.posterior, about.complexity, about.input_tokens), model, about.max_output_tokens)
    believing.measured(beliefs, query_type, model_id, tokens=tokens, predicted=predicted)
