"""What does a tenant see of its learning? What is believed, from how much, what it changes, and which version serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learning import beliefs as believing
from learning import publishing
from learning.counting import votes_of
from learning.learn import read
from learning.models import CountedVote, Feedback, TenantLearning
from learning.steering import NoSuchVersion, Wishes
from routing import weights
from routing.learned import UNSURE, Known, Learned
from routing.models import LearnedWeights, ServedWeights

VERSIONS = 200  # that are listed
TOLD = 0.001  # of a predicted quality: less is no difference


def state_of(tenant_id: str) -> dict[str, Any]:
    state = TenantLearning.objects.filter(tenant_id=tenant_id).first() or TenantLearning(tenant_id=tenant_id)
    served = ServedWeights.objects.filter(tenant_id=tenant_id).values_list("version", flat=True).first() or 0
    learned = weights.version_of(tenant_id, served) if served else None
    return {
        "settings": {name: _plain(getattr(state, name)) for name in Wishes.__struct_fields__},
        "served_version": served,
        "pinned_version": state.pinned_version,
        "learned_at": state.learned_at,
        "outcomes": state.outcomes,
        "votes": state.votes,
        "feedback": Feedback.objects.filter(tenant_id=tenant_id).count(),
        "explores_now": learned.explores if learned else 0.0,
        "distrusted_keys": state.distrusted,
        "implicit_signals": state.power,
        "arms": arms_of(learned) if learned else [],
    }


def arms_of(learned: Learned) -> list[dict[str, Any]]:
    """What differs from the priors, the surest first."""
    found = [
        {"query_type": kind, "model": model, **_told(known)}
        for kind, models in learned.types.items()
        for model, known in models.items()
        if abs(known.shift) >= TOLD or known.count
    ]
    return sorted(found, key=lambda arm: (-arm["outcomes"], arm["query_type"], arm["model"]))


def _told(known: Known) -> dict[str, Any]:
    """`certainty`: 0 where nothing is known but the prior, 1 where nothing is left of its doubt."""
    return {
        "quality_shift": known.shift,
        "certainty": round(1 - min(1.0, known.unsure / UNSURE), 3),
        "outcomes": known.count,
        "length_factor": known.length,
    }


def versions_of(tenant_id: str) -> Sequence[Mapping[str, Any]]:
    """The newest first."""
    rows = LearnedWeights.objects.filter(tenant_id=tenant_id).order_by("-version").values("version", "reason", "created_at")
    return list(rows[:VERSIONS])


def compared(tenant_id: str, version: int, other: int) -> dict[str, Any]:
    """Raises NoSuchVersion."""
    return {"from": version, "to": other, "changes": differences(_version(tenant_id, version), _version(tenant_id, other))}


def without_key(tenant_id: str, key: str) -> dict[str, Any]:
    """What would be believed without what this key has said."""
    state = TenantLearning.objects.filter(tenant_id=tenant_id).first() or TenantLearning(tenant_id=tenant_id)
    votes = CountedVote.objects.filter(tenant_id=tenant_id, api_key_id=key).count()
    beliefs = read(state)
    without = believing.rebuilt(beliefs, votes_of(tenant_id, but=key)) if votes else beliefs
    changes = differences(publishing.made_of(state, beliefs), publishing.made_of(state, without))
    return {"key": key, "votes": votes, "distrusted": key in state.distrusted, "changes": changes}


def differences(before: Learned, after: Learned) -> Sequence[Mapping[str, Any]]:
    found = []
    for kind in sorted({*before.types, *after.types}):
        was, now = before.of(kind), after.of(kind)
        for model in sorted({*was, *now}):
            shifts = was.get(model, Known()).shift, now.get(model, Known()).shift
            if abs(shifts[0] - shifts[1]) >= TOLD:
                found.append({"query_type": kind, "model": model, "quality_shift": list(shifts)})
    return found


def _version(tenant_id: str, version: int) -> Learned:
    found = weights.version_of(tenant_id, version)
    if found is None:
        raise NoSuchVersion(version)
    return found


def _plain(value: Any) -> Any:
    return str(value) if type(value).__name__ == "Decimal" else value
