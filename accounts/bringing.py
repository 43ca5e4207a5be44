"""Keys at providers, kept and let go: a tenant's own, and the platform's. In a transaction, beside the entry that tells of it."""

from __future__ import annotations

from django.utils import timezone

from accounts.credentials import seal_secret
from accounts.models import Credential, PlatformCredential, Tenant, User


def keep(tenant: Tenant, provider: str, secret: str, *, by: User, taken: bool) -> Credential:
    """One of each provider: a second takes the place of the first. `taken`: the provider has just said so."""
    old = Credential.objects.filter(tenant=tenant, provider=provider).first()
    credential = old or Credential(tenant=tenant, provider=provider)
    seal_secret(credential, secret)
    credential.is_active, credential.created_by = True, by
    credential.checked_at = timezone.now() if taken else None
    credential.save()
    return credential


def remove(credential: Credential) -> None:
    credential.delete()
    Tenant.objects.get(pk=credential.tenant_id).save(update_fields=["changed_at"])  # gateways see changes, not what is gone


def keep_platform(provider: str, secret: str, *, taken: bool) -> PlatformCredential:
    credential = PlatformCredential(provider=provider, checked_at=timezone.now() if taken else None)
    seal_secret(credential, secret)
    credential.save()
    return credential
