"""How are all targets? What one process knows, asked and told on the path of requests: nothing here waits.

Most of the time all are well, and `ill` is empty: asking costs one look into it. `changed` holds what the other processes
have not been told yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import random

from routing.health import BLAMES_PROVIDER, LIMITED_MODELS, Health
from routing.types import ErrorKind, Latency

CREDENTIAL = "credential "  # begins the keys of credentials; no model's id has a space
OWN = CREDENTIAL + "own "  # and of those that a tenant has brought
AVERAGES_EVERY_S = 0.25  # so often what was measured is put before the decisions


def credential_key(name: str) -> str:
    return CREDENTIAL + name


def _nothing() -> None: ...


class HealthStore:
    """By target: a model's id, or CREDENTIAL and the credential's name. Times are monotonic seconds."""

    def __init__(self, draw: Callable[[], float] = random) -> None:
        self.targets: dict[str, Health] = {}
        self.ill: set[str] = set()  # those that are not simply closed and may have to be passed over
        self.changed: set[str] = set()
        self.alone = True  # no other process is to be asked before a probe
        self.hurry: Callable[[], None] = _nothing  # called when the others should know at once
        self._draw = draw
        self._latencies: Mapping[str, Latency] = {}
        self._latencies_at = 0.0

    def clear(self) -> None:
        self._latencies, self._latencies_at = {}, 0.0
        self.targets.clear()
        self.ill.clear()
        self.changed.clear()

    def get(self, target: str) -> Health | None:
        return self.targets.get(target)

    def of(self, target: str) -> Health:
        if (health := self.targets.get(target)) is None:
            health = self.targets[target] = Health()
        return health

    # --- before a decision

    def unusable(self, now: float, draw: float) -> frozenset[str]:
        """Targets to which this request should not go as long as there is another choice. `draw`: 0..1, its own."""
        return frozenset([target for target in self.ill if not self.of(target).usable(now, draw, self.alone)])

    def latencies(self, now: float) -> Mapping[str, Latency]:
        """By model, of those that were measured lately. Never changed, but replaced: a decision may keep it."""
        if now - self._latencies_at >= AVERAGES_EVERY_S:
            for health in self.targets.values():
                health.fold(now)
            self._latencies = {target: health.latency for target, health in self.targets.items() if health.is_measured}
            self._latencies_at = now
        return self._latencies

    # --- before an attempt

    def usable(self, target: str, now: float, draw: float = 0.0) -> bool:
        return target not in self.ill or self.of(target).usable(now, draw, self.alone)

    def admit(self, targets: Iterable[str], now: float) -> bool:
        """Whether an attempt may be made that needs all of these; where it is a probe, it is the only one from now on.
        The ramp was looked at when the candidates were chosen."""
        ill = [self.of(target) for target in targets if target in self.ill]
        if not all(health.usable(now, 0.0, self.alone) for health in ill):
            return False
        for health in ill:
            health.breaker.take(now)
        return True

    def until(self, targets: Iterable[str], now: float) -> float:
        """When all of these may be well again."""
        return max((self.of(target).until(now) for target in targets if target in self.ill), default=now)

    # --- after it

    def answered(self, model: str, credential: str, slot: int, began: float, now: float) -> None:
        self.of(model).answered(slot, began, now)
        self.changed.add(model)
        if self.ill:
            for target in (model, credential):
                if target in self.ill:
                    self._recovered(target, slot, began, now)

    def _recovered(self, target: str, slot: int, began: float, now: float) -> None:
        health = self.of(target)
        if target.startswith(CREDENTIAL):
            health.answered(slot, began, now)
        if not health.breaker.opened and now >= health.cool_until:
            self.ill.discard(target)
        self.changed.add(target)

    def failed(
        self,
        kind: ErrorKind,
        model: str,
        credential: str,
        slot: int,
        began: float,
        now: float,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """What an attempt's failure says of its model and of its credential; a caller's own mistake says nothing."""
        if credential.startswith(OWN) and (kind == "rate_limited" or status == 403):
            self._own_limited(credential, retry_after_s, now)  # it is their account, and says nothing of the model
        elif kind in BLAMES_PROVIDER or (kind == "auth" and status == 403):  # a 403 may be about this model, or this request
            self.of(model).failed(slot, began, now, self._draw())
            self._suspect(model)
        elif kind == "rate_limited":
            self._limited(model, credential, retry_after_s, now)
        elif kind == "auth":
            self._refused(credential, began, now)
        self.gone(model, credential, began)

    def gone(self, model: str, credential: str, began: float) -> None:
        """An attempt ended without a word about these: the next request may be the probe that it was."""
        for target in (model, credential):
            if target in self.ill:
                self.of(target).breaker.give_back(began)

    def _limited(self, model: str, credential: str, retry_after_s: float | None, now: float) -> None:
        health = self.of(model)
        health.wait(retry_after_s, now, self._draw())
        self._suspect(model)
        waiting = self.of(credential).limited
        waiting[model] = health.cool_until
        ends = [until for until in waiting.values() if until > now]
        if len(ends) >= LIMITED_MODELS:
            self.of(credential).wait(min(ends) - now, now, 0.0)
            self._suspect(credential)

    def _own_limited(self, credential: str, retry_after_s: float | None, now: float) -> None:
        if retry_after_s is not None:
            self.of(credential).wait(retry_after_s, now, 0.0)
            self._suspect(credential)

    def _refused(self, credential: str, began: float, now: float) -> None:
        """A wrong key is wrong at once, for every model: there is nothing to count."""
        breaker = self.of(credential).breaker
        if not breaker.opened:
            breaker.open(now, self._draw())
        else:
            breaker.failed(began, now, self._draw())
        self._suspect(credential)

    def _suspect(self, target: str) -> None:
        self.changed.add(target)
        health = self.of(target)
        if health.breaker.opened or health.cool_until:
            self.ill.add(target)
            self.hurry()

    # --- by hand

    def turn(self, target: str, open_s: float, now: float) -> None:
        """The operator wants no requests there for so long, or, 0, wants it taken for well. The other processes are told."""
        health = self.of(target)
        if open_s:
            health.breaker.hold(now, open_s)
        else:
            health.breaker.close(now)
            health.evidence.forget()
            health.cool_until = 0.0
        self.changed.add(target)
        self.refresh(now)

    # --- behind the requests

    def refresh(self, now: float) -> None:
        """What time does by itself, to all targets."""
        for target, health in list(self.targets.items()):
            version = health.breaker.version
            health.refresh(now)
            if health.breaker.version != version:
                self.changed.add(target)
            if health.breaker.opened or now < health.cool_until:
                self.ill.add(target)
            else:
                self.ill.discard(target)

    def half_open(self, now: float, within_s: float) -> list[str]:
        """Those to which a request would lately have gone as a probe, had we been let."""
        found = ((target, self.of(target).breaker) for target in self.ill)
        return [t for t, b in found if b.half_open(now) and not b.probing(now) and now - b.asked < within_s]
