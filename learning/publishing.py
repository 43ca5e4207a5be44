"""When do beliefs become weights that route? When they have moved; as a new version, which may be pinned, undone, compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
from django.utils import timezone
from msgspec.structs import replace

from learning import beliefs as believing
from learning.beliefs import Beliefs
from learning.models import SharedArm, TenantLearning
from routing import weights
from routing.learned import Learned

MOVED = 0.004  # of a predicted quality: less is not worth a version
AT_MOST_EVERY = timedelta(seconds=4)

_EMPTY = Beliefs()


def publish_if_moved(state: TenantLearning, beliefs: Beliefs) -> None:
    """In the transaction in which `state` is locked."""
    now = timezone.now()
    if state.published_at is not None and now - state.published_at < AT_MOST_EVERY:
        return
    newest = weights.newest_of(str(state.tenant_id))
    made = made_of(state, beliefs)
    if newest is None and not (made.types or made.models or made.held_back):
        return
    if newest is not None and believing.moved(newest, made) < MOVED and _same_wishes(newest, made):
        return
    publish(state, beliefs, made, reason="learned")


def publish(state: TenantLearning, beliefs: Beliefs, made: Learned, *, reason: str) -> int:
    """The new version's number."""
    state.published_at = timezone.now()
    serve_it = state.learns and state.pinned_version is None
    return weights.publish(str(state.tenant_id), made, msgspec.json.encode(beliefs), reason=reason, serve_it=serve_it)


def made_of(state: TenantLearning, beliefs: Beliefs) -> Learned:
    made = believing.learned(beliefs, _shared(state, beliefs), explores=state.explores)
    if not state.baseline:
        return made
    return replace(made, baseline=state.baseline, held_back=state.held_back)


def _same_wishes(before: Learned, after: Learned) -> bool:
    return (before.baseline, before.held_back) == (after.baseline, after.held_back)


def _shared(state: TenantLearning, beliefs: Beliefs) -> Mapping[str, Mapping[str, float]]:
    """Shifts by query type and model, out of what other tenants gave; nothing for who does not take."""
    found: dict[str, dict[str, float]] = {}
    if state.takes:
        for arm in SharedArm.objects.all():
            found.setdefault(arm.query_type, {})[arm.model] = arm.surprise / (arm.count + SHARED_WORTH)
    return found


SHARED_WORTH = 100.0  # outcomes of others that "no shift" is worth
