"""What is different here from what django-allauth does by itself? Who may sign up, and how second factors are kept."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import factors, switches
from accounts.invitations import opened_by
from accounts.models import Invitation

INVITED = "invitation"  # in the session of whoever has opened one: its token


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whoever was invited may sign up wherever others may not."""
        return switches.is_on(switches.SIGN_UP) or invitation_of(request) is not None

    def clean_email(self, email: str) -> str:
        """An invitation opens the sign-up for its own address."""
        request, email = context.request, super().clean_email(email)
        if not switches.is_on(switches.SIGN_UP) and request is not None and not request.user.is_authenticated:
            invitation = invitation_of(request)
            if invitation is not None and resolver_match_name(request) == "account_signup" and invitation.email != email.lower():
                raise ValidationError(f"The invitation is for {invitation.email}.")
        return email


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps are stored sealed."""

    def encrypt(self, text: str) -> str:
        return factors.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return factors.unseal(encrypted_text)


def resolver_match_name(request: HttpRequest) -> str:
    return (request.resolver_match.url_name or "") if request.resolver_match else ""


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation that this visitor has opened and not accepted yet."""
    token = request.session.get(INVITED)
    return opened_by(token) if token else None
