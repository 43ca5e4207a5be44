"""The documentation, as bin/docs has built it, at /docs. The same for everybody, and without cookies."""

from __future__ import annotations

import mimetypes
from collections.abc import Collection, Mapping
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils._os import safe_join
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

# Furo's pages have small scripts and styles of their own in them. Nothing that anybody has written here is shown there.
POLICY: Mapping[str, Collection[str] | str] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "form-action": [CSP.SELF],
}


@require_safe
def top(request: HttpRequest) -> HttpResponse:
    """Links inside count from a folder."""
    return redirect("documentation", "index.html")


@require_safe
@csp_override(POLICY)
def page(request: HttpRequest, path: str) -> HttpResponseBase:
    folder = Path(settings.DOCS_DIR)
    if not (folder / "index.html").exists():
        return render(request, "dashboard/documentation.html", status=404)
    try:
        file = Path(safe_join(folder, path or "index.html"))
    except SuspiciousFileOperation:
        raise Http404 from None
    if not file.is_file():
        raise Http404(f"There is no page {path} in the documentation.")
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return FileResponse(file.open("rb"), content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
