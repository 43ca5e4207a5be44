"""How others read what happened, and say what they have read. Whoever calls has asked who may see these tenants' requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from msgspec import Struct

from routing.decisions import DecisionRecord
from routing.types import PICO_PER_USD, Attempt, Classification, Ranked

if TYPE_CHECKING:
    from django.db.models import Exists, QuerySet

    from gateway.models import RequestLog


class Ended(Struct, frozen=True, kw_only=True):
    """A request that is over, with what learning looks at."""

    id: int
    request_id: str
    tenant_id: str
    key_id: str
    received_at: datetime
    test: bool
    ended: bool  # by an answer or by a failure of its providers; not by its caller, by us, or out of sight
    model: str  # who answered, or failed last
    classification: Classification | None
    attempts: Sequence[Attempt]
    asked: str
    before: str

    @property
    def query_type(self) -> str:
        return self.classification.query_type if self.classification else ""


_FIELDS = (
    *("request_id", "tenant_id", "api_key_id", "received_at", "is_test", "status"),
    *("model", "classification", "attempts", "asked", "before"),
)
_ENDED = ("ok", "error")


def to_be_learned(limit: int) -> list[Ended]:
    """The oldest that nobody has learned from. In a transaction: until it is over they are nobody else's."""
    from gateway.models import RequestLog

    return _read(RequestLog.objects.select_for_update(skip_locked=True).filter(learned=False).order_by("pk")[:limit])


def learned(rows: Iterable[Ended]) -> None:
    """They are not to be learned from again."""
    from gateway.models import RequestLog

    RequestLog.objects.filter(pk__in=[row.id for row in rows]).update(learned=True)


def of_tenant(tenant_id: str, request_ids: Collection[str]) -> Mapping[str, Ended]:
    """By request id; what is another tenant's is not there."""
    from gateway.models import RequestLog

    rows = _read(RequestLog.objects.filter(tenant_id=tenant_id, request_id__in=request_ids))
    return {row.request_id: row for row in rows}


def there(tenant: str = "tenant_id", request: str = "request_id") -> Exists:
    """For rows with a tenant and the id of a request: whether that tenant's request is over and in the database."""
    from django.db.models import Exists, OuterRef

    from gateway.models import RequestLog

    return Exists(RequestLog.objects.filter(request_id=OuterRef(request), tenant_id=OuterRef(tenant)))


def owner_of(request_id: str) -> str | None:
    """The tenant whose request it is; None where it is in the database of nobody, or not yet."""
    from gateway.models import RequestLog

    tenant_id = RequestLog.objects.filter(request_id=request_id).values_list("tenant_id", flat=True).first()
    return None if tenant_id is None else str(tenant_id)


def answered(tenant_id: str, since: datetime, *, but: UUID | None, limit: int = 5000) -> list[str]:
    """The tenant's requests that were answered since then, latest first; those of one key are left out."""
    from gateway.models import RequestLog

    rows = RequestLog.objects.filter(tenant_id=tenant_id, received_at__gte=since, status="ok", is_test=False)
    rows = rows if but is None else rows.exclude(api_key_id=but)
    return list(rows.order_by("-received_at").values_list("request_id", flat=True)[:limit])


class Asked(Struct, frozen=True):
    """Who asked what when, by marks (gateway/marks.py)."""

    request_id: str
    key_id: str
    received_at: datetime
    asked: str
    before: str


def alike(tenant_id: str, rows: Sequence[Ended], within: timedelta) -> list[Asked]:
    """The tenant's requests that asked the same as one of `rows`, or came at the same point of a conversation, not longer than
    this before the first of them; `rows` themselves too. In their order."""
    from django.db.models import Q

    from gateway.models import RequestLog

    times = [row.received_at for row in rows]
    same = Q(asked__in={row.asked for row in rows}) | Q(before__in={row.before for row in rows if row.before})
    found = RequestLog.objects.filter(tenant_id=tenant_id, received_at__gte=min(times) - within, received_at__lte=max(times))
    told = found.filter(same, is_test=False).order_by("received_at", "pk")
    values = told.values_list("request_id", "api_key_id", "received_at", "asked", "before")
    return [Asked(request, str(key), at, asked, before) for request, key, at, asked, before in values]


def _read(rows: QuerySet[RequestLog]) -> list[Ended]:
    return [_ended(row) for row in rows.only("pk", *_FIELDS)]


def _ended(row: RequestLog) -> Ended:
    return Ended(
        id=row.pk,
        request_id=row.request_id,
        tenant_id=str(row.tenant_id),
        key_id=str(row.api_key_id),
        received_at=row.received_at,
        test=row.is_test,
        ended=row.status in _ENDED,
        model=row.model,
        classification=_as(Classification, row.classification),
        attempts=_as(list[Attempt], row.attempts) or (),
        asked=row.asked,
        before=row.before,
    )


def _as(kind: Any, value: Any) -> Any:
    """None where it was kept in a form of another release."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


# --- prompts that were asked more clearly


def enhanced(tenant_id: str, since: datetime, until: datetime) -> Mapping[str, int]:
    """How many of this tenant's requests got which paragraph (routing/enhancements.py), or `unchanged`; `until` not included."""
    from django.db.models import Count

    from gateway.models import RequestLog

    rows = RequestLog.objects.filter(tenant_id=tenant_id, received_at__gte=since, received_at__lt=until).exclude(enhanced="")
    return dict(rows.order_by().values_list("enhanced").annotate(Count("id")))


def paragraphs_of(tenant_id: str, request_ids: Collection[str], since: datetime, until: datetime) -> Mapping[str, str]:
    """Of those that are this tenant's, of this time and answered: what was added to the prompt, blank for nothing."""
    from gateway.models import RequestLog

    rows = RequestLog.objects.filter(tenant_id=tenant_id, request_id__in=request_ids, status="ok", is_test=False)
    return dict(rows.filter(received_at__gte=since, received_at__lt=until).values_list("request_id", "enhanced"))


# --- decisions, to be judged


class Decided(Struct, frozen=True, kw_only=True):
    """A request that was decided, as learning reads it. `cost` is in pico-dollars, over all attempts. `decision` and
    `classification` are None where they are kept in a form of another release."""

    request_id: str
    key_id: str
    conversation: str  # blank: not known
    received_at: datetime
    status: str
    model: str  # who answered
    cost: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    usage_estimated: bool
    duration_ms: int | None
    attempts: Sequence[Attempt]
    decision: DecisionRecord | None
    classification: Classification | None

    @property
    def first(self) -> Ranked:
        """The model that was chosen, whoever answered then."""
        assert self.decision is not None
        return self.decision.ranked[0]

    @property
    def held_back(self) -> bool:
        """On the tenant's baseline, whatever the strategy says."""
        return self.decision is not None and self.decision.seen.held_back

    @property
    def learned(self) -> int:
        """The version of what was learned of the tenant's work by then; 0: nothing."""
        return self.decision.seen.learned if self.decision is not None else 0

    @property
    def cluster(self) -> str:
        """What it has in common with those that it is not independent of."""
        return self.conversation or self.request_id


READ_AT_ONCE = 500  # rows


def count(tenant_id: str, since: datetime, until: datetime) -> int:
    """Of the requests that `decided` would read, at most."""
    from gateway.models import RequestLog

    return RequestLog.objects.filter(tenant_id=tenant_id, received_at__gte=since, received_at__lt=until).count()


def decided(tenant_id: str, since: datetime, until: datetime) -> Iterator[Decided]:
    """This tenant's requests that were decided, oldest first, `until` not included; not those of its test keys."""
    from django.db.models import Q

    from gateway.models import RequestLog

    all_of_them = RequestLog.objects.filter(tenant_id=tenant_id, received_at__lt=until, is_test=False, decision__isnull=False)
    later = Q(received_at__gte=since)
    while rows := list(all_of_them.filter(later).order_by("received_at", "id")[:READ_AT_ONCE]):
        yield from map(_decided, rows)
        last = rows[-1]
        later = Q(received_at__gt=last.received_at) | Q(received_at=last.received_at, id__gt=last.pk)


def _decided(row: RequestLog) -> Decided:
    decision, classification = _as(DecisionRecord, row.decision), _as(Classification, row.classification)
    return Decided(
        request_id=row.request_id,
        key_id=str(row.api_key_id),
        conversation=row.conversation,
        received_at=row.received_at,
        status=row.status,
        model=row.model,
        cost=int(row.cost_usd * PICO_PER_USD),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cached_input_tokens=row.cached_input_tokens,
        usage_estimated=row.usage_estimated,
        duration_ms=row.duration_ms,
        attempts=_as(list[Attempt], row.attempts) or (),
        decision=decision if classification is not None else None,
        classification=classification if decision is not None else None,
    )
