"""The fork: where models are asked, and websockets, through Channels; everything else to Django."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()

from importlib import import_module  # noqa: E402

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.apps import apps  # noqa: E402
from django.urls import re_path  # noqa: E402

from gateway import endpoints, lifespan, readiness  # noqa: E402
from gateway.wire import native, openai  # noqa: E402

# Websockets are the pages': without those there are none.
SOCKETS = [route for app in ("dashboard",) if apps.is_installed(app) for route in import_module(f"{app}.sockets").routes]

application = ProtocolTypeRouter(
    {
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(SOCKETS))),
        "lifespan": lifespan.application,
        "http": URLRouter(
            [
                re_path(r"^v1/chat/completions/?$", endpoints.chat(openai)),  # type: ignore[arg-type]
                re_path(r"^api/v1/chat/?$", endpoints.chat(native)),  # type: ignore[arg-type]
                re_path(r"^api/v1/chat/completions/?$", endpoints.chat(openai)),  # type: ignore[arg-type]
                re_path(r"^v1/models(?:/.+)?$", endpoints.models),  # type: ignore[arg-type]
                re_path(r"^v1/feedback/?$", django),  # type: ignore[arg-type]  # it names a row, and may wait for it
                re_path(r"^v1(?:/|$)", endpoints.not_found),  # type: ignore[arg-type]
                re_path(r"^(?:livez|readyz|startupz)$", readiness.endpoint),  # type: ignore[arg-type]
                re_path(r"", django),  # type: ignore[arg-type]
            ]
        ),
    }
)
