"""How does a tenant come about, and who is its first owner?"""

from __future__ import annotations

from django.db import transaction

from accounts.models import Membership, Tenant, User


@transaction.atomic
def found(name: str, owner: User) -> Membership:
    """A new tenant of this person's own."""
    tenant = Tenant.objects.create(name=name)
    return Membership.objects.create(tenant=tenant, user=owner, role=Membership.Role.OWNER)


def vouch_for(user: User) -> None:
    """Their address needs no proof: the operator has made them, or they have shown it otherwise."""
    from allauth.account.models import EmailAddress

    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
