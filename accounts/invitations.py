"""How does somebody join a tenant? By a link in a mail, which is good once, for a week, and for that address only."""

from __future__ import annotations

import hashlib
import secrets

from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from accounts.models import Invitation, Membership, User, week_from_now
from accounts.roles import PROMISES

TEXT = """{who} invites you to {tenant} on RoutePlex, as {role}.

{promise}

Open this within a week to join:

{url}

If you did not expect this, leave it: nothing happens.
"""


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


MOST = 50  # that wait for an answer: nobody sends mail to the whole world through us


@transaction.atomic
def invite(by: Membership, email: str, role: str) -> tuple[Invitation, str]:
    """The invitation, and the secret that opens it. A new one takes the place of an older one to the same address. Raises
    ValidationError where that person is a member already, or too many wait."""
    email = _reachable(email.strip().lower())
    if by.tenant.memberships.filter(user__email=email).exists():
        raise ValidationError(f"{email} is a member already.")
    by.tenant.invitations.filter(email=email, accepted_at=None).delete()
    if by.tenant.invitations.waiting().count() >= MOST:
        raise ValidationError(f"{MOST} invitations wait for an answer: withdraw some first.")
    token = secrets.token_urlsafe(32)
    invitation = by.tenant.invitations.create(email=email, role=role, digest=digest(token), invited_by=by.user)
    return invitation, token


def _reachable(email: str) -> str:
    """Raises ValidationError for what no mail can be sent to."""
    validate_email(email)
    try:
        email.rpartition("@")[2].encode("idna")
    except UnicodeError:
        raise ValidationError(f"{email} is no address to which mail can be sent.") from None
    return email


@transaction.atomic
def renew(invitation: Invitation) -> str:
    """A new secret and another week; what was sent before opens nothing any more."""
    token = secrets.token_urlsafe(32)
    invitation.digest, invitation.expires_at = digest(token), week_from_now()
    invitation.save(update_fields=["digest", "expires_at"])
    return token


def send(invitation: Invitation, url: str) -> None:
    """Raises OSError where no mail can be sent."""
    who = invitation.invited_by.email if invitation.invited_by else "Somebody"
    tenant = " ".join(invitation.tenant.name.split())
    text = TEXT.format(who=who, tenant=tenant, role=invitation.role, promise=PROMISES[invitation.role], url=url)
    send_mail(f"Join {tenant} on RoutePlex", text, None, [invitation.email])


def opened_by(token: str) -> Invitation | None:
    """None where it was never sent, was accepted or withdrawn, or is too old."""
    return Invitation.objects.waiting().select_related("tenant", "invited_by").filter(digest=digest(token)).first()


def accept(invitation: Invitation, user: User) -> Membership:
    """Once; whoever was a member already stays what they are. Raises Invitation.DoesNotExist where it is not theirs or gone."""
    with transaction.atomic():
        mine = Invitation.objects.waiting().select_for_update().get(pk=invitation.pk, email=user.email.lower())
        mine.accepted_at = timezone.now()
        mine.save(update_fields=["accepted_at"])
        return Membership.objects.get_or_create(tenant=mine.tenant, user=user, defaults={"role": mine.role})[0]
