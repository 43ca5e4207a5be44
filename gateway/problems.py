"""What goes wrong in the management API, as RFC 9457 tells it; with the same codes as everywhere (gateway/errors.py).

The envelope that the native API's clients read (`success`, `error`) is in it, too: one parser does for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from gateway.errors import ErrorAnswer

MEDIA_TYPE = "application/problem+json"


class EnvelopedError(Struct, kw_only=True):
    message: str
    type: str
    code: str
    param: str | None
    details: Mapping[str, Any]


class Problem(Struct, kw_only=True):
    """`type`: where the code is explained; `param`: what of the request is wrong, such as rules.premium."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    param: str | None
    details: Mapping[str, Any]
    success: bool
    error: EnvelopedError


def problem(answer: ErrorAnswer) -> Problem:
    return Problem(
        type=f"/docs/errors.html#{answer.code.replace('_', '-')}",
        title=HTTPStatus(answer.status).phrase,
        status=answer.status,
        detail=answer.message,
        code=answer.code,
        param=answer.param,
        details=dict(answer.details),
        success=False,
        error=EnvelopedError(
            message=answer.message, type=answer.type, code=answer.code, param=answer.param, details=dict(answer.details)
        ),
    )
