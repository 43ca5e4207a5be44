"""What are implicit signals worth? As much as they have foretold what was said: for each tenant by itself, and at first nothing.

Of the requests on which there was explicit feedback, those whose question was asked again (or put in other words) are compared
with the rest: a signal has power as far as their feedback was worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from learning.models import Feedback, TenantLearning
from learning.reward import IMPLICIT

LATEST = 2000  # words of explicit feedback that are looked at
WORTH = 10.0  # requests with the signal that "it foretells nothing" is worth


def weigh() -> None:
    """Of every tenant that has such signals."""
    for tenant_id in Feedback.objects.filter(signal__in=IMPLICIT).values_list("tenant_id", flat=True).distinct():
        explicit = Feedback.objects.filter(tenant_id=tenant_id, counts=True).exclude(signal__in=IMPLICIT)
        said = dict(explicit.order_by("-given_at").values_list("request_id", "value")[:LATEST])
        found = {signal: _power(str(tenant_id), signal, said) for signal in sorted(IMPLICIT)}
        TenantLearning.objects.filter(tenant_id=tenant_id).exclude(power=found).update(power=found)


def _power(tenant_id: str, signal: str, said: Mapping[str, float]) -> float:
    signalled = set(Feedback.objects.filter(tenant_id=tenant_id, signal=signal).values_list("request_id", flat=True))
    return power(
        [value for request, value in said.items() if request in signalled],
        [value for request, value in said.items() if request not in signalled],
    )


def power(with_it: Sequence[float], without_it: Sequence[float]) -> float:
    """0..1, from the explicit rewards of requests with the signal and without it."""
    if not with_it or not without_it:
        return 0.0
    gap = sum(without_it) / len(without_it) - sum(with_it) / len(with_it)
    return round(min(1.0, max(0.0, gap)) * len(with_it) / (len(with_it) + WORTH), 3)
