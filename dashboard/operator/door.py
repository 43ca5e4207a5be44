"""How does a person come into the operator's pages? Signed in and staff; for everybody else there are none."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase

from dashboard.door import View

if TYPE_CHECKING:
    from dashboard.operator.pages import OperatorPage


def operator_door(view: View, page: OperatorPage) -> View:
    """The view behind sign-in and staff."""

    @login_required
    @wraps(view)
    def enter(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_staff:
            raise Http404
        request.operated = page  # type: ignore[attr-defined]
        return view(request, **kwargs)

    return enter


def operated(request: HttpRequest) -> OperatorPage | None:
    return getattr(request, "operated", None)
