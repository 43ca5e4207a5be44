"""What has come of requests and what was known by then, as judgement needs it: a chunk of votes, a version at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import batched

from gateway.records import READ_AT_ONCE, Decided
from learning.models import CountedVote
from routing import weights
from routing.learned import Learned

Rewards = Mapping[str, tuple[float, float]]  # by request id: reward 0..1, and how far it is trusted, 0..1


class Votes(dict[str, tuple[float, float]]):
    """Those on the requests that are just passing by: memory does not grow with their number."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__()
        self._all = CountedVote.objects.filter(tenant_id=tenant_id)

    def along(self, rows: Iterable[Decided]) -> Iterator[Decided]:
        for chunk in batched(rows, READ_AT_ONCE, strict=False):
            self.clear()
            found = self._all.filter(request_id__in=[row.request_id for row in chunk])
            self.update({name: (reward, weight) for name, reward, weight in found.values_list("request_id", "reward", "weight")})
            yield from chunk


class Versions:
    """Of what was learned of the tenant's work; the last ones are remembered."""

    REMEMBERED = 16

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._known: dict[int, Learned | None] = {}

    def __call__(self, version: int) -> Learned | None:
        """None where there is none, or not any more."""
        if version not in self._known:
            if len(self._known) >= self.REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[version] = weights.version_of(self._tenant_id, version) if version else None
        return self._known[version]
