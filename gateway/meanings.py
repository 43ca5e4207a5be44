"""What each code that callers are told means, in the order of the documentation: docs/errors.md is written from here. A test holds
it to the table of gateway/errors.py."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[tuple[int, str], str] = {
    (401, "unauthenticated"): "no API key",
    (401, "invalid_api_key"): "mistyped, revoked, or not ours",
    (401, "expired_api_key"): "it was a good key",
    (403, "out_of_scope"): "the key may only ask models, or only read",
    (403, "forbidden"): "a person's role, or a management key's scopes, do not go so far",
    (400, "bad_request"): "the body is not JSON, too deep, or the provider refused the request as it is",
    (
        400,
        "validation_error",
    ): "a field or header cannot be what it says, or the model that was named cannot do it; `param` names it",
    (400, "invalid_mode"): "the native API's `mode` is neither `routeplex-ai` nor `manual`",
    (400, "blocked_url"): "a picture's URL names an address of a private network",
    (400, "empty_messages"): "nothing to answer",
    (404, "invalid_model"): "no model by this name, or not for this key",
    (404, "not_found"): "no such path",
    (405, "method_not_allowed"): "the path takes others; `Allow` lists them",
    (
        409,
        "conflict",
    ): "the management API: it does not go with what there is, such as a second budget of the same kind, or a change of a revoked key",
    (412, "precondition_failed"): "the management API: it was changed since the `ETag` in `If-Match`",
    (413, "bad_request"): "the body is too large; `details.limit_bytes`",
    (431, "bad_request"): "the headers are too large",
    (400, "content_policy_violation"): "the provider's filter refused the request",
    (409, "idempotency_running"): "the first request with this `Idempotency-Key` is still being answered; `Retry-After`",
    (
        409,
        "idempotency_unknown",
    ): "the first request with this `Idempotency-Key` was sent, and its answer is not to be had; `details.reason`",
    (422, "idempotency_conflict"): "this `Idempotency-Key` stands for another request",
    (429, "rate_limited"): "a limit of yours (`details`), or the provider's; `Retry-After` where waiting helps",
    (
        429,
        "budget_exhausted",
    ): "a budget of yours has no room for it (`details`); also as the last event of a stream that was stopped",
    (502, "provider_error"): "the provider failed, or its answer was broken or empty",
    (503, "provider_unavailable"): "it cannot be reached, is overloaded, or has no credential here",
    (504, "provider_timeout"): "it did not answer in time",
    (502, "all_providers_failed"): "every model that may be tried failed; `details.attempts` tells how each did",
    (
        503,
        "service_unavailable",
    ): "ours: keys cannot be checked, requests not be recorded, what is left of a budget not be found out, or the process is being replaced; `Retry-After`",
    (500, "internal_error"): "ours: a bug. The request id finds it in the logs",
}
"""By status and code."""
