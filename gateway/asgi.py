"""The fork: `/v1/*` and websockets through Channels, everything else to Django."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from gateway import endpoints, lifespan, readiness  # noqa: E402
from gateway.wire import openai  # noqa: E402

application = ProtocolTypeRouter(
    {
        "lifespan": lifespan.application,
        "http": URLRouter(
            [
                re_path(r"^v1/chat/completions/?$", endpoints.chat_completions(openai)),  # type: ignore[arg-type]
                re_path(r"^v1/models(?:/.+)?$", endpoints.models),  # type: ignore[arg-type]
                re_path(r"^v1(?:/|$)", endpoints.not_found),  # type: ignore[arg-type]
                re_path(r"^(?:livez|readyz|startupz)$", readiness.endpoint),  # type: ignore[arg-type]
                re_path(r"", django),  # type: ignore[arg-type]
            ]
        ),
    }
)
