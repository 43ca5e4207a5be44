"""How does each provider and model stand, as this process sees it; and what the operator can do about it by hand.

This process is one of the gateways: it hears within a quarter of a second what the others have seen, and they hear what is
opened or closed here. What is drained stands in the database (routing/overrides.py) until requests are let in again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from accounts.credentials import endpoint
from gateway import operating
from routing import overrides
from routing.health import State
from routing.health_store import credential_key
from routing.snapshot import catalog, health_of

MINUTES = (1, 5, 15, 60)  # for which a breaker can be opened by hand
WAYS: Mapping[str, str] = {
    "open": "health.opened",
    "close": "health.closed",
    "drain": "health.drained",
    "let_in": "health.let_in",
}


class Target(Struct, frozen=True, kw_only=True):
    """A model, or a provider's credential, as this process knows it. Times in seconds; None: not now, or not measured."""

    name: str
    title: str
    state: State
    drained: bool
    open_s: float | None = None
    waits_s: float | None = None
    ramp: float | None = None  # the share of requests that may go there while it recovers
    errors: float = 0.0
    ttft_ms: float | None = None
    ms_per_token: float | None = None

    @property
    def is_ill(self) -> bool:
        return self.state != "healthy"

    @property
    def told(self) -> str:
        if self.drained:
            return "drained"
        if self.open_s:
            return f"open, {self.open_s:.0f} s more"
        if self.ramp is not None:
            return f"recovering, {self.ramp:.0%} of requests" if self.ramp else "asks for a first answer"
        return f"wants us to wait {self.waits_s:.0f} s" if self.waits_s else "well" if self.state == "healthy" else "fails often"


class Provider(Struct, frozen=True, kw_only=True):
    name: str
    title: str
    drained: bool
    reached: str  # "live", "sandbox", or empty: not at all
    credential: Target | None
    models: Sequence[Target]

    @property
    def ill(self) -> int:
        return sum(model.state != "healthy" or model.drained for model in self.models)


def provider_of(name: str) -> Provider:
    """Raises KeyError."""
    known = catalog()
    facts = known.providers[name]
    where = endpoint(facts, test=False)
    target = credential_key(where.credential) if where else ""
    return Provider(
        name=name,
        title=facts.display_name,
        drained=bool(overrides.known(name).get("drained")),
        reached="" if where is None else "sandbox" if where.sandbox else "live",
        credential=_target(target, "its key") if health_of(test=False).get(target) else None,
        models=[_target(m.id, m.name, drained=m.drained) for m in known.models.values() if m.provider == name],
    )


def _target(name: str, title: str, *, drained: bool = False) -> Target:
    at, health = time.monotonic(), health_of(test=False).get(name)
    if health is None:
        return Target(name=name, title=title, state="healthy", drained=drained)
    breaker = health.breaker
    is_open = breaker.opened > 0 and not breaker.rung and at < breaker.open_until
    return Target(
        name=name,
        title=title,
        state=health.state(at),
        drained=drained,
        open_s=max(1.0, breaker.open_until - at) if is_open else None,
        waits_s=max(1.0, health.cool_until - at) if at < health.cool_until else None,
        ramp=breaker.share(at) if breaker.opened and not is_open else None,
        errors=health.error_share(at),
        ttft_ms=health.ttft_ms,
        ms_per_token=health.ms_per_output_token,
    )


def keep(target: str, way: str) -> None:
    """What outlasts this process: whether it is drained. In a transaction."""
    if way in ("drain", "let_in"):
        overrides.put(target, _with(overrides.stored().get(target, {}), drained=way == "drain"))


def turn(target: str, way: str, minutes: int) -> None:
    """At once, after `keep`."""
    operating.refresh()
    if way in ("open", "close"):
        _turn_breakers(target, minutes * 60 if way == "open" else 0)


def _with(values: Mapping[str, Any], *, drained: bool) -> dict[str, Any]:
    kept = {key: value for key, value in values.items() if key != "drained"}
    return kept | {"drained": True} if drained else kept


def _turn_breakers(target: str, open_s: int) -> None:
    """0: closed. Of a provider: every model's, and when closing its key's."""
    store, at = health_of(test=False), time.monotonic()
    names = [m.id for m in catalog().models.values() if target in (m.id, m.provider)]
    if not open_s and (facts := catalog().providers.get(target)) and (where := endpoint(facts, test=False)):
        names.append(credential_key(where.credential))
    for name in names:
        store.turn(name, open_s, at)
