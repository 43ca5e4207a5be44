"""The API's description, and two ways to read it: Swagger UI, which also tries it, and Redoc. All of it comes from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

POLICY: Mapping[str, Sequence[str]] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],  # both write their styles into the page
    "img-src": [CSP.SELF, "data:"],
    "worker-src": [CSP.SELF, "blob:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "form-action": [CSP.SELF],
}


@cache
def description() -> bytes:
    """OpenAPI 3.1, as JSON. It changes with the release only."""
    generator: Any = SchemaGenerator
    return msgspec.json.encode(generator().get_schema(request=None, public=True))


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return HttpResponse(description(), content_type="application/vnd.oai.openapi+json;version=3.1", headers=headers)


@csp_override(POLICY)
@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    return render(request, "management/swagger.html")


@csp_override(POLICY)
@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    return render(request, "management/redoc.html")
