"""Why may a request not spend? gateway/errors.py gives these their HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BudgetExhausted(Exception):
    """A budget has no room for this request, or no more for the answer that runs."""

    def __init__(
        self,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        retry_after_s: float | None = None,
        should_retry: bool = False,
    ) -> None:
        super().__init__(message)
        self.message, self.details = message, details or {}
        self.retry_after_s, self.should_retry = retry_after_s, should_retry


class Unpriced(Exception):
    """Nobody knows what this model costs, and the key has a budget."""

    param = "model"


class BudgetsUnavailable(Exception):
    """The database is away, and what it had granted in advance is used up or too old."""
