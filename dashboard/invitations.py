"""Somebody opens the link in an invitation: they sign up, sign in, or join."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from accounts import audit
from accounts.adapter import INVITED
from accounts.forms import remember_verified
from accounts.invitations import accept, opened_by
from accounts.models import Invitation, User


@never_cache
def opened(request: HttpRequest, token: str) -> HttpResponse:
    invitation = opened_by(token)
    if invitation is None:
        return render(request, "dashboard/invitation_gone.html", status=404)
    if isinstance(request.user, User):
        if request.method == "POST" and request.user.email.lower() == invitation.email:
            return _join(request, invitation, request.user)
    else:
        request.session[INVITED] = token
        remember_verified(request, invitation.email)
    has_account = User.objects.filter(email=invitation.email).exists()
    return render(request, "dashboard/invitation.html", {"invitation": invitation, "has_account": has_account})


@transaction.atomic
def _join(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    member = accept(invitation, user)
    request.session.pop(INVITED, None)
    audit.note(request, member.tenant, "member.joined", member.role)
    messages.success(request, f"You are {member.role} of {member.tenant} now.")
    return redirect("tenant", member.tenant.slug)
