"""What is at `/`: for a visitor, what this is; for a person, the way into their workspace."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import access, audit, switches
from accounts.models import User
from accounts.tenants import found
from dashboard.door import member_of
from gateway.record import latest_of

LAST = "workspace"  # in the session: where the person was last


class NewWorkspaceForm(forms.Form):
    name = forms.CharField(max_length=120, label="Name", widget=forms.TextInput(attrs={"placeholder": "Acme", "autofocus": True}))


def home(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "dashboard/welcome.html")
    tenants = access.tenants_of(request.user)
    if not tenants:
        return redirect("workspace_new")
    last = request.session.get(LAST)
    return redirect("tenant", next((t.slug for t in tenants if t.slug == last), tenants[0].slug))


@login_required
def workspace(request: HttpRequest, tenant: str) -> HttpResponse:
    """Into one: to its requests, or to the first steps where there were none."""
    member = member_of(request, tenant)
    request.session[LAST] = member.tenant.slug
    return redirect("requests" if latest_of([member.tenant], 1) else "start", member.tenant.slug)


@login_required
def new(request: HttpRequest) -> HttpResponse:
    """A workspace of one's own. Whoever may not sign up by themselves may not open one either."""
    assert isinstance(request.user, User)
    form = NewWorkspaceForm(request.POST or None)
    if not may_open(request.user):
        return render(request, "dashboard/no_workspace.html")
    if request.method == "POST" and form.is_valid():
        member = found(form.cleaned_data["name"].strip(), request.user)
        audit.note(request, member.tenant, "tenant.created", member.tenant.name)
        return redirect("tenant", member.tenant.slug)
    return render(request, "dashboard/workspace_new.html", {"form": form})


def may_open(user: User) -> bool:
    return switches.is_on(switches.SIGN_UP) or user.is_staff
