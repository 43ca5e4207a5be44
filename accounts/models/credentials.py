"""Keys at providers, sealed: tenants' own, and the platform's."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.ids import uuid7
from accounts.models.people import User
from accounts.models.tenants import Tenant


class Credential(models.Model):
    """A tenant's own key at a provider, sealed (accounts/credentials.py): used instead of the platform's, never shown."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="credentials")
    provider = models.CharField(max_length=64)
    sealed_secret = models.BinaryField(editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    is_active = models.BooleanField(default=True)
    checked_at = models.DateTimeField(null=True, editable=False, help_text="When the provider last took it.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "provider"], name="one_credential_of_a_provider")]

    def __str__(self) -> str:
        return f"{self.provider} of {self.tenant} (…{self.last4})"


class PlatformCredential(models.Model):
    """The operator's key at a provider, sealed (accounts/credentials.py): used before the one of the environment."""

    provider = models.CharField(primary_key=True, max_length=64)
    sealed_secret = models.BinaryField(editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False, help_text="When the provider last took it.")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.provider} (…{self.last4})"
