"""What can go wrong, and what a caller is told: exceptions in; status, type and code out.

Exceptions are raised where the fact is known and know nothing of HTTP. The table at the end of this file is the public
contract: docs/api.md prints it and a test walks it. Codes are those of the native API, so that its clients and OpenAI's
SDKs can read the same body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from accounts.refusals import ExpiredKey, InvalidKey, KeysUnavailable, MissingKey, OutOfScope
from gateway.buckets import RateLimited
from gateway.journal import JournalUnavailable
from gateway.refusals import BudgetExhausted, BudgetsUnavailable, Unpriced
from routing.refusals import NoCandidate, UnknownModel, UnknownStrategy, Unreachable, Unsupported
from routing.types import Attempt, ErrorKind

# What one failed attempt means for the next: move on to the next candidate, or answer at once.
MOVES_ON: frozenset[ErrorKind] = frozenset(
    {"timeout", "connect", "rate_limited", "overloaded", "server", "protocol", "auth", "not_found"}
)


class BadRequest(Exception):
    """The caller's own mistake. `param` is a path such as messages[0].content."""

    def __init__(self, message: str, *, param: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.details = details or {}


class InvalidValue(BadRequest):
    """A field is there, but cannot be what it says."""


class EmptyMessages(BadRequest):
    """There is nothing to answer."""


class InvalidMode(BadRequest):
    """Neither routeplex-ai nor manual."""


class BlockedUrl(BadRequest):
    """A URL in the request leads where no provider is to be sent."""


class BodyTooLarge(BadRequest): ...


class NotFound(BadRequest): ...


class MethodNotAllowed(BadRequest):
    """`allowed`: the methods that there are."""

    def __init__(self, message: str, *, allowed: str = "") -> None:
        super().__init__(message)
        self.allowed = allowed


class HeadersTooLarge(BadRequest): ...


class NotAsItWas(BadRequest):
    """Somebody has changed it since the caller read it."""


class Conflict(BadRequest):
    """What is asked for does not go with what there is."""


class Forbidden(BadRequest):
    """We know who asks; their role or their key does not go so far."""


class ProviderError(Exception):
    """One attempt failed, in our words. `message` is the provider's text only for `bad_request` and
    `content_filtered`: there it is about the caller's own request; elsewhere it could tell of our account."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        status: int | None = None,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def moves_on(self) -> bool:
        return self.kind in MOVES_ON


class Stopping(Exception):
    """This process is on its way out and takes no new work, or could not wait any longer for what it had."""


class IdempotencyConflict(Exception):
    """The Idempotency-Key stands for another request."""

    param = "Idempotency-Key"
    should_retry = False

    def __init__(self, request_id: str) -> None:
        super().__init__("This Idempotency-Key was used for another request within 24 hours. Use a new key for a new request.")
        self.details = {"request_id": request_id}


class IdempotencyRunning(Exception):
    """The first request with this Idempotency-Key is being answered."""

    param = "Idempotency-Key"

    def __init__(self, request_id: str) -> None:
        super().__init__("The first request with this Idempotency-Key is still running. Its answer is told when it is there.")
        self.details = {"request_id": request_id}


class IdempotencyUnknown(Exception):
    """The first request with this Idempotency-Key was sent, and what it was answered is not to be had any more."""

    param = "Idempotency-Key"
    should_retry = False

    def __init__(self, request_id: str, reason: str, why: str) -> None:
        told = f"The first request with this Idempotency-Key cannot be told again: {why}. It may have been billed"
        super().__init__(f"{told}; to ask once more, at its price, use a new key.")
        self.details = {"request_id": request_id, "reason": reason}


class IdempotencyUnavailable(Exception):
    """Nobody can tell whether this Idempotency-Key was used before; nothing was sent."""


class Unsayable(ProviderError):
    """The request cannot be said in this provider's format; it was not asked. `param` names what."""


class AttemptsFailed(Exception):
    """Every candidate that we may try has failed; `last` is how the last one did."""

    def __init__(self, last: ProviderError, attempts: Sequence[Attempt]) -> None:
        super().__init__(last.message)
        self.last = last
        self.attempts = attempts


# --- the table


class Row(Struct, frozen=True):
    status: int
    type: str
    code: str
    message: str | None = None  # None: the exception's own
    retry_after_s: int | None = None


TABLE: Mapping[type[BaseException], Row] = {
    MissingKey: Row(401, "authentication_error", "unauthenticated", "No API key. Send it as `Authorization: Bearer rp_live_…`."),
    InvalidKey: Row(
        401, "authentication_error", "invalid_api_key", "This API key opens nothing: it is mistyped, revoked or not ours."
    ),
    ExpiredKey: Row(401, "authentication_error", "expired_api_key", "This API key has expired. Make a new one in the dashboard."),
    OutOfScope: Row(403, "permission_error", "out_of_scope"),
    KeysUnavailable: Row(503, "server_error", "service_unavailable", "API keys cannot be checked at the moment. Try again.", 2),
    InvalidValue: Row(400, "invalid_request_error", "validation_error"),
    InvalidMode: Row(400, "invalid_request_error", "invalid_mode"),
    BlockedUrl: Row(400, "invalid_request_error", "blocked_url"),
    EmptyMessages: Row(400, "invalid_request_error", "empty_messages", "`messages` is empty: there is nothing to answer."),
    UnknownModel: Row(404, "invalid_request_error", "invalid_model"),
    UnknownStrategy: Row(400, "invalid_request_error", "validation_error"),
    BodyTooLarge: Row(413, "invalid_request_error", "bad_request"),
    HeadersTooLarge: Row(431, "invalid_request_error", "bad_request"),
    NotFound: Row(404, "invalid_request_error", "not_found"),
    Forbidden: Row(403, "permission_error", "forbidden"),
    NotAsItWas: Row(412, "invalid_request_error", "precondition_failed"),
    Conflict: Row(409, "invalid_request_error", "conflict"),
    MethodNotAllowed: Row(405, "invalid_request_error", "method_not_allowed"),
    Unsupported: Row(400, "invalid_request_error", "validation_error"),
    NoCandidate: Row(400, "invalid_request_error", "validation_error"),
    BadRequest: Row(400, "invalid_request_error", "bad_request"),
    RateLimited: Row(429, "rate_limit_error", "rate_limited"),
    BudgetExhausted: Row(429, "rate_limit_error", "budget_exhausted"),
    Unpriced: Row(400, "invalid_request_error", "validation_error"),
    BudgetsUnavailable: Row(
        503, "server_error", "service_unavailable", "What is left of a budget cannot be found out at the moment. Try again.", 2
    ),
    IdempotencyRunning: Row(409, "invalid_request_error", "idempotency_running", None, 2),
    IdempotencyUnknown: Row(409, "invalid_request_error", "idempotency_unknown"),
    IdempotencyConflict: Row(422, "invalid_request_error", "idempotency_conflict"),
    IdempotencyUnavailable: Row(
        503, "server_error", "service_unavailable", "Idempotency keys cannot be checked at the moment. Nothing was sent.", 2
    ),
    Unreachable: Row(503, "server_error", "provider_unavailable"),
    Stopping: Row(503, "server_error", "service_unavailable", "This process is being replaced. Try again: another answers.", 1),
    JournalUnavailable: Row(
        503, "server_error", "service_unavailable", "Requests cannot be recorded at the moment. Try again.", 5
    ),
}

PROVIDER_TABLE: Mapping[ErrorKind, Row] = {
    "timeout": Row(504, "api_error", "provider_timeout"),
    "connect": Row(503, "api_error", "provider_unavailable"),
    "rate_limited": Row(429, "rate_limit_error", "rate_limited"),
    "overloaded": Row(503, "api_error", "provider_unavailable"),
    "server": Row(502, "api_error", "provider_error"),
    "protocol": Row(502, "api_error", "provider_error"),
    "auth": Row(502, "api_error", "provider_error"),
    "not_found": Row(502, "api_error", "provider_error"),
    "bad_request": Row(400, "invalid_request_error", "bad_request"),
    "content_filtered": Row(400, "invalid_request_error", "content_policy_violation"),
}

SEVERAL_FAILED = Row(502, "api_error", "all_providers_failed")
INTERNAL = Row(500, "server_error", "internal_error", "Something broke on our side. The request id finds it in the logs.")


class ErrorAnswer(Struct, frozen=True, kw_only=True):
    """What a caller is told."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    details: Mapping[str, Any] = {}
    retry_after_s: float | None = None
    should_retry: bool | None = None  # None: the client's own judgement
    allowed: str = ""  # methods

    def body(self) -> dict[str, Any]:
        """One envelope for OpenAI's SDKs (error.message, type, code, param) and the native clients (success, details)."""
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
            "details": dict(self.details),
        }
        return {"success": False, "error": error}


def describe(error: BaseException) -> ErrorAnswer:
    """The answer to any exception; those that no row knows are our own fault."""
    if isinstance(error, AttemptsFailed):
        return _after_attempts(error)
    if isinstance(error, ProviderError):
        return _of_provider(error)
    row = next((row for kind, row in TABLE.items() if isinstance(error, kind)), INTERNAL)
    return ErrorAnswer(
        status=row.status,
        type=row.type,
        code=row.code,
        message=row.message or str(error),
        param=getattr(error, "param", None),
        details=getattr(error, "details", {}),
        retry_after_s=getattr(error, "retry_after_s", row.retry_after_s),
        should_retry=getattr(error, "should_retry", None),
        allowed=getattr(error, "allowed", ""),
    )


def _of_provider(error: ProviderError) -> ErrorAnswer:
    row = PROVIDER_TABLE[error.kind]
    return ErrorAnswer(
        status=row.status,
        type=row.type,
        code=row.code,
        message=error.message,
        param=error.param,
        details={"reason": error.code} if error.code else {},
        retry_after_s=error.retry_after_s,
        should_retry=False,
    )


def _after_attempts(error: AttemptsFailed) -> ErrorAnswer:
    """One attempt: its own error. Several: that all failed, and how each did."""
    if not error.attempts:
        return _of_provider(error.last)
    tried = [{"model": a.model, "error": a.error, "message": a.detail, "ms": a.duration_ms} for a in error.attempts]
    answer = _of_provider(error.last)
    model = error.attempts[-1].model
    if len(tried) == 1:
        message = answer.message if error.last.kind in ("bad_request", "content_filtered") else f"{model}: {answer.message}"
        return _replaced(answer, message=message, details={**answer.details, "attempts": tried})
    several = all(a.error in MOVES_ON for a in error.attempts)
    row = SEVERAL_FAILED if several else Row(answer.status, answer.type, answer.code)
    message = (
        f"All {len(tried)} models that were tried failed; the last one, {model}: {answer.message}" if several else answer.message
    )
    return _replaced(answer, status=row.status, type=row.type, code=row.code, message=message, details={"attempts": tried})


def _replaced(answer: ErrorAnswer, **changes: Any) -> ErrorAnswer:
    return ErrorAnswer(**{name: getattr(answer, name) for name in answer.__struct_fields__} | changes)
