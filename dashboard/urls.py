"""The paths of all pages. Those of a workspace come from dashboard/pages.py."""

from allauth.account import views as account
from django.urls import include, path

from dashboard import documentation, frame, invitations, welcome
from dashboard.operator.pages import patterns as operator_patterns
from dashboard.pages import patterns

urlpatterns = [
    path("", welcome.home, name="home"),
    path("t/<slug:tenant>", welcome.workspace, name="tenant"),
    path("new", welcome.new, name="workspace_new"),
    path("docs", documentation.top),
    path("docs/", documentation.top),
    path("docs/<path:path>", documentation.page, name="documentation"),
    path("theme", frame.choose_theme, name="theme"),
    path("invitations/<str:token>", invitations.opened, name="invitation"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    # behind allauth's own: of two addresses with one name, the last is what links say
    path("sign-in", account.login, name="account_login"),
    path("sign-up", account.signup, name="account_signup"),
    path("sign-out", account.logout, name="account_logout"),
    *patterns(),
    *operator_patterns(),
]
