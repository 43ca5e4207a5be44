"""The control plane's paths; those of the data plane stand in gateway/asgi.py."""

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path, re_path

from gateway import api, native, views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in", account.login, name="account_login"),
    path("sign-out", account.logout, name="account_logout"),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    re_path(r"^api/v1/chat/?$", native.ChatView.as_view(), name="api_chat"),
    re_path(r"^api/v1/chat/completions/?$", native.CompletionsView.as_view(), name="api_chat_completions"),
    re_path(r"^api/v1/chat/estimate/?$", native.EstimateView.as_view(), name="api_chat_estimate"),
    re_path(r"^api/v1/chat/enhance/?$", native.EnhanceView.as_view(), name="api_chat_enhance"),
    re_path(r"^api/v1/models/?$", native.ModelsView.as_view(), name="api_models"),
    re_path(r"^api/v1/route/?$", api.RouteView.as_view(), name="api_route"),
    re_path(r"^api/v1/decisions/(?P<request_id>[^/]+)/?$", api.DecisionView.as_view(), name="api_decision"),
    re_path(r"^api/v1/decisions/(?P<request_id>[^/]+)/replay/?$", api.ReplayView.as_view(), name="api_replay"),
    re_path(r"^api/v1/requests/(?P<request_id>[^/]+)/contents/?$", api.ContentsView.as_view(), name="api_contents"),
    re_path(r"^api/", api.NowhereView.as_view()),
]
