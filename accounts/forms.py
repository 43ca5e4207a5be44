"""What do people fill in about themselves? allauth's own forms do the rest."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.http import HttpRequest

from accounts import audit
from accounts.adapter import INVITED, invitation_of
from accounts.invitations import accept
from accounts.models import User
from accounts.tenants import found


class SignUpForm(forms.Form):
    """The beginning of allauth's sign-up form. A new person gets a workspace of their own, or joins the one that invited them."""

    workspace = forms.CharField(
        max_length=120,
        required=False,
        label="Workspace",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "placeholder": "Acme"}),
        help_text="Your company, team or project. You can rename it later.",
    )
    field_order = ("email", "password1", "workspace")

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth once the person is there."""
        if not settings.VERIFY_EMAIL:  # then addresses are believed
            remember_verified(request, user.email)
        invitation = invitation_of(request)
        if invitation is not None and invitation.email == user.email.lower():
            member = accept(invitation, user)
            request.session.pop(INVITED, None)
            audit.note_of(user, request, member.tenant, "member.joined", member.role)
            return
        name = str(self.cleaned_data.get("workspace") or "").strip() or user.email.partition("@")[0]
        member = found(name, user)
        audit.note_of(user, request, member.tenant, "tenant.created", member.tenant.name)


def remember_verified(request: HttpRequest, email: str) -> None:
    """Whoever opened a link in a mail to this address has shown that they read it."""
    adapter: Any = get_adapter(request)
    adapter.stash_verified_email(request, email)
