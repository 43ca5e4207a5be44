"""What may a tenant's people do with its learning? Say what they wish, pin a version, go back to one, forget everything."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.db import transaction
from msgspec import UNSET, Meta, Struct, UnsetType

from learning import counting, publishing
from learning.beliefs import Beliefs
from learning.learn import read, state_of
from learning.models import MOST_EXPLORED, MOST_HELD_BACK, CountedVote, Feedback, TenantLearning
from routing import weights
from routing.models import LearnedWeights

Explored = Annotated[float, Meta(ge=0, le=MOST_EXPLORED)]
HeldBack = Annotated[float, Meta(ge=0, le=MOST_HELD_BACK)]
Share = Annotated[float, Meta(ge=0, le=1)]
Name = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
Usd = Annotated[float, Meta(ge=0, le=100_000)]


class Wishes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not named stays as it is."""

    learns: bool | UnsetType = UNSET
    gives: bool | UnsetType = UNSET
    takes: bool | UnsetType = UNSET
    explores: Explored | UnsetType = UNSET
    baseline: Name | UnsetType = UNSET
    held_back: HeldBack | UnsetType = UNSET
    judge: Name | UnsetType = UNSET
    judge_share: Share | UnsetType = UNSET
    judge_usd_per_day: Usd | UnsetType = UNSET


class NoSuchVersion(Exception):
    """Of this tenant, or not any more."""


@transaction.atomic
def wish(tenant_id: str, wishes: Wishes) -> None:
    """In force within seconds: routing is told at once."""
    state = _locked(tenant_id)
    for name in Wishes.__struct_fields__:
        if (value := getattr(wishes, name)) is not UNSET:
            setattr(state, name, value)
    beliefs = read(state)
    if state.learns:
        publishing.publish(state, beliefs, publishing.made_of(state, beliefs), reason="settings")
    else:
        weights.serve(tenant_id, 0)
    state.save()


@transaction.atomic
def pin(tenant_id: str, version: int) -> None:
    """Learning goes on; what it finds serves only once the version is let go."""
    state = _locked(tenant_id)
    _insist(tenant_id, version)
    state.pinned_version = version
    state.save()
    if state.learns:
        weights.serve(tenant_id, version)


@transaction.atomic
def let_go(tenant_id: str) -> None:
    state = _locked(tenant_id)
    state.pinned_version = None
    beliefs = read(state)
    publishing.publish(state, beliefs, publishing.made_of(state, beliefs), reason="let go")
    state.save()


@transaction.atomic
def roll_back(tenant_id: str, version: int) -> None:
    """As it was then; votes that were counted since then are as if they had never been given."""
    state = _locked(tenant_id)
    row = _insist(tenant_id, version)
    beliefs = msgspec.json.decode(bytes(row.beliefs), type=Beliefs)
    CountedVote.objects.filter(tenant_id=tenant_id, counted_at__gt=row.created_at).delete()
    state.beliefs, state.pinned_version = bytes(row.beliefs), None
    publishing.publish(state, beliefs, publishing.made_of(state, beliefs), reason=f"rolled back to {version}")
    state.save()


@transaction.atomic
def trust(tenant_id: str, key: str) -> None:
    state = _locked(tenant_id)
    counting.trust(state, key)
    state.save()


@transaction.atomic
def forget(tenant_id: str) -> None:
    """Everything that was learned of its work and said of its answers; the priors route from now on. Wishes stay."""
    state = _locked(tenant_id)
    weights.serve(tenant_id, 0)
    for owned in (Feedback, CountedVote, LearnedWeights):
        owned._default_manager.filter(tenant_id=tenant_id).delete()
    state.beliefs, state.outcomes, state.votes = b"", 0, 0
    state.learned_at = state.published_at = state.pinned_version = None
    state.distrusted, state.power = [], {}
    state.save()


def _locked(tenant_id: str) -> TenantLearning:
    state = state_of(tenant_id)
    assert state is not None, "whoever steers has a tenant"
    return state


def _insist(tenant_id: str, version: int) -> LearnedWeights:
    row = LearnedWeights.objects.filter(tenant_id=tenant_id, version=version).first()
    if row is None:
        raise NoSuchVersion(version)
    return row
