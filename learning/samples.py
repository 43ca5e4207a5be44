"""Logged decisions with what came of them, added up by conversation: what off-policy estimates are made of. Pure."""

from __future__ import annotations

from operator import add, sub
from zlib import crc32

from msgspec import Struct, field, structs

MOST_CLUSTERS = 65_536  # by themselves in memory; further ones share SHARED, which leaves intervals right
SHARED = 4096


class Sample(Struct, frozen=True, kw_only=True):
    """One logged decision. `logged`, `target`: how likely the logged action was, and would be. `reward`: 0..1, None without
    feedback; `weight`: how far it is trusted. `expected`, `expected_target`: the direct model's mean of the logged action, and
    over the target's. `supported`: how likely the target takes what the logging policy might have taken, too. `before`: the
    ratio (target to logged) of the turns that this one followed from."""

    cluster: str
    logged: float
    target: float
    reward: float | None
    expected: float
    expected_target: float
    weight: float = 1.0
    supported: float = 1.0
    before: float = 1.0

    @property
    def ratio(self) -> float:
        return self.before * self.target / self.logged


class Sums(Struct, array_like=True):
    """Over the samples of a cluster, or of all. `w`: weight and ratio; `u`: weight alone, as for the logging policy."""

    n: float = 0.0
    direct: float = 0.0
    believed: float = 0.0
    w: float = 0.0
    w_reward: float = 0.0
    w_expected: float = 0.0
    u: float = 0.0
    u_reward: float = 0.0
    u_expected: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*map(add, structs.astuple(self), structs.astuple(other)))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*map(sub, structs.astuple(self), structs.astuple(other)))


class Logged(Struct):
    """All samples, added up. `clip`: the largest ratio that counts; None: as they are, which has no bias."""

    clip: float | None = None
    clusters: dict[str, Sums] = field(default_factory=dict)
    rated: int = 0
    supported: float = 0.0
    ww: float = 0.0
    wu: float = 0.0
    uu: float = 0.0

    def add(self, sample: Sample) -> None:
        sums = self._cluster(sample.cluster)
        sums.n += 1
        sums.direct += sample.expected_target
        sums.believed += sample.expected
        self.supported += sample.supported
        if sample.reward is not None and sample.weight > 0:
            self._rate(sums, sample, sample.reward)

    def _rate(self, sums: Sums, sample: Sample, reward: float) -> None:
        u = sample.weight
        w = u * (sample.ratio if self.clip is None else min(self.clip, sample.ratio))
        self.rated += 1
        sums.w, sums.w_reward, sums.w_expected = sums.w + w, sums.w_reward + w * reward, sums.w_expected + w * sample.expected
        sums.u, sums.u_reward, sums.u_expected = sums.u + u, sums.u_reward + u * reward, sums.u_expected + u * sample.expected
        self.ww, self.wu, self.uu = self.ww + w * w, self.wu + w * u, self.uu + u * u

    def _cluster(self, name: str) -> Sums:
        if name not in self.clusters and len(self.clusters) >= MOST_CLUSTERS:
            name = f"shared {crc32(name.encode()) % SHARED}"
        return self.clusters.setdefault(name, Sums())
