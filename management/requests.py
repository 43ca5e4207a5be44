"""Requests: found by anything, newest first, and one of them whole; feedback as it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from gateway import browse
from gateway.browse import BadCursor, Wanted
from gateway.errors import InvalidValue, NotFound
from gateway.models import RequestLog
from gateway.operations import Asked, Listed, Operations, operation
from learning.feedback import FELT, requests_said_of
from learning.models import Feedback
from management.fields import Text, Time, plain
from management.paging import Cursor, Limit, Paging, page_of
from routing.types import PICO_PER_USD


class RequestsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model`: who answered; `asked`: what was asked for; `since`, `until`: half open. What is rare is looked for backwards in
    time for a moment: then a page may be short, even empty, and `next` goes on from there."""

    limit: Limit = 50
    after: Cursor = ""
    request_id: Text = ""
    model: Text = ""
    provider: Text = ""
    asked: Text = ""
    query_type: Text = ""
    strategy: Text = ""
    api_key: UUID | None = None
    status: browse.Status | None = None
    error_code: Text = ""
    conversation: Text = ""
    fallback: bool | None = None
    stream: bool | None = None
    test: bool | None = None
    least_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    least_ms: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    since: Time | None = None
    until: Time | None = None
    feedback: Literal["good", "bad", "any"] | None = None


class AttemptTold(Struct, kw_only=True):
    """One call of a provider. `error`: None where it answered; `started_ms`: since the request came."""

    model: str
    provider: str
    started_ms: int
    duration_ms: int | None
    first_token_ms: int | None
    error: str | None
    detail: str | None
    status: int | None
    cost_usd: str


class RequestTold(Struct, kw_only=True):
    """Times in milliseconds. `model`: who answered, empty where nobody did. `enhanced`: what was added to the prompt
    (docs/native-api.md), unchanged, or empty where it was not asked for."""

    request_id: str
    received_at: Time
    status: str
    error_code: str
    asked: str
    model: str
    provider: str
    query_type: str
    strategy: str
    api_key: UUID
    stream: bool
    test: bool
    conversation: str
    enhanced: str
    input_tokens: int
    output_tokens: int
    cost_usd: str
    duration_ms: int | None
    first_token_ms: int | None
    attempts: Sequence[AttemptTold]


class FeedbackTold(Struct, kw_only=True):
    """`value`: 0 (bad) to 1 (good); `counts`: whether learning counts it."""

    request_id: str
    signal: str
    value: float
    api_key: UUID | None
    counts: bool
    given_at: Time


class Requests(Operations):
    @operation(
        "list_requests", "Requests, newest first", scope="requests:read", query=RequestsWanted, answer=RequestTold, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        query: RequestsWanted = asked.query
        kept = {name: getattr(query, name) for name in Wanted.__struct_fields__}
        _insist_on_zones(query)
        among = requests_said_of(str(asked.tenant.pk), query.feedback) if query.feedback in FELT else None
        try:
            page = browse.page_of(asked.tenant, Wanted(**kept), after=query.after or None, size=query.limit, among=among)
        except BadCursor:
            raise InvalidValue("This is no cursor of ours: take `next` of the page before.", param="after") from None
        return Listed([told(row) for row in page.rows], page.after)


class OneRequest(Operations):
    @operation("get_request", "One request", scope="requests:read", answer=RequestTold)
    def get(self, asked: Asked, request_id: str) -> RequestTold:
        row = browse.matching(asked.tenant, Wanted(request_id=request_id[:200])).first() if request_id.isprintable() else None
        if row is None:
            raise NotFound("There is no such request of yours. It appears within a second of its end.")
        return told(row)


class FeedbackList(Operations):
    @operation(
        "list_feedback",
        "Feedback, newest first",
        scope="requests:read",
        query=Paging,
        answer=FeedbackTold,
        listed=True,
    )
    def get(self, asked: Asked) -> Listed:
        rows = Feedback.objects.filter(tenant=asked.tenant)
        return page_of(rows, asked.query, feedback_told, by="given_at")


def _insist_on_zones(query: RequestsWanted) -> None:
    for name in ("since", "until"):
        at = getattr(query, name)
        if at is not None and at.tzinfo is None:
            raise InvalidValue("Say in which time zone that is: 2026-12-31T00:00:00Z.", param=name)


def told(row: RequestLog) -> RequestTold:
    same = (
        "request_id",
        "received_at",
        "status",
        "error_code",
        "model",
        "provider",
        "query_type",
        "strategy",
        "conversation",
        "enhanced",
    )
    about = {name: getattr(row, name) for name in same}
    return RequestTold(
        **about,
        asked=row.requested_model,
        api_key=row.api_key_id,
        stream=row.is_stream,
        test=row.is_test,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=plain(row.cost_usd),
        duration_ms=row.duration_ms,
        first_token_ms=row.ttft_ms,
        attempts=[_attempt(attempt) for attempt in row.attempts],
    )


def _attempt(made: Mapping[str, Any]) -> AttemptTold:
    same = ("model", "provider", "started_ms", "duration_ms", "error", "detail", "status")
    about = {name: made.get(name) for name in same}
    cost = Decimal(made.get("cost", 0)) / PICO_PER_USD
    return AttemptTold(**about, first_token_ms=made.get("ttft_ms"), cost_usd=plain(cost))  # type: ignore[arg-type]  # as it was kept


def feedback_told(row: Feedback) -> FeedbackTold:
    same = {name: getattr(row, name) for name in ("request_id", "signal", "value", "counts", "given_at")}
    return FeedbackTold(**same, api_key=row.api_key_id)
