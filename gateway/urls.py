"""The control plane's paths; those of the data plane stand in gateway/asgi.py."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path, re_path

from gateway import api, native

# Apps that nothing else here imports: without them the gateway still routes.
MORE = [app for app in ("learning", "management") if apps.is_installed(app)]

urlpatterns = [
    path("admin/", admin.site.urls),
    re_path(r"^api/v1/chat/estimate/?$", native.EstimateView.as_view(), name="api_chat_estimate"),
    re_path(r"^api/v1/chat/enhance/?$", native.EnhanceView.as_view(), name="api_chat_enhance"),
    re_path(r"^api/v1/models/?$", native.ModelsView.as_view(), name="api_models"),
    path("api/v1/keys/<uuid:key_id>/chat", native.AskView.as_view(), name="api_ask"),
    re_path(r"^api/v1/route/?$", api.RouteView.as_view(), name="api_route"),
    re_path(r"^api/v1/decisions/(?P<request_id>[^/]+)/?$", api.DecisionView.as_view(), name="api_decision"),
    re_path(r"^api/v1/decisions/(?P<request_id>[^/]+)/replay/?$", api.ReplayView.as_view(), name="api_replay"),
    re_path(r"^api/v1/requests/(?P<request_id>[^/]+)/contents/?$", api.ContentsView.as_view(), name="api_contents"),
    *(path("", include(f"{app}.urls")) for app in MORE),
    re_path(r"^api/", api.NowhereView.as_view()),
    path("", include("dashboard.urls")),
]
