"""What may tenants learn from one another? Counts, nothing else: of each model at each type of work, from five tenants at least.

Made anew as a whole from those who give, so that who stops giving is gone from it with the next run. No tenant counts for more
than MOST outcomes, and what all models of a tenant have in common (it may be hard to please) is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils import timezone

from learning import bandit
from learning.beliefs import Beliefs
from learning.learn import read
from learning.models import SharedArm, TenantLearning

TENANTS = 5  # behind a cell, or it is not shared
LEAST, MOST = 3.0, 50.0  # outcomes of a tenant in a cell: with fewer it does not count, with more it counts as so many

Cell = tuple[str, str]  # query type, model


def share() -> int:
    """How many cells are shared now."""
    with transaction.atomic():
        givers = TenantLearning.objects.filter(learns=True, gives=True, tenant__is_active=True).order_by("pk")
        arms = pooled(read(state) for state in givers.iterator(chunk_size=100) if state.beliefs)
        SharedArm.objects.all().delete()
        now = timezone.now()
        SharedArm.objects.bulk_create(
            SharedArm(query_type=kind, model=model, tenants=tenants, count=round(count, 1), surprise=round(sum_, 2), made_at=now)
            for (kind, model), (tenants, count, sum_) in arms.items()
        )
    return len(arms)


def pooled(everyone: Iterable[Beliefs]) -> Mapping[Cell, tuple[int, float, float]]:
    """Tenants, outcomes and the sum of their surprises, of each cell that enough tenants have."""
    found: dict[Cell, tuple[int, float, float]] = {}
    for beliefs in everyone:
        for cell, (count, surprise) in _given(beliefs).items():
            tenants, counts, sums = found.get(cell, (0, 0.0, 0.0))
            found[cell] = (tenants + 1, counts + count, sums + surprise)
    return {cell: sums for cell, sums in found.items() if sums[0] >= TENANTS}


def _given(beliefs: Beliefs) -> Mapping[Cell, tuple[float, float]]:
    arms, found = beliefs.quality, {}
    common = bandit.level(arms)
    for kind, models in arms.cells.items():
        for model, evidence in models.items():
            count, surprise = bandit.faded(evidence, arms.clock)
            if count >= LEAST:
                bounded = min(count, MOST)
                found[kind, model] = (bounded, bounded * (surprise / count - common))
    return found
