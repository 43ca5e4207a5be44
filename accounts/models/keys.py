"""Keys that call, and keys that manage."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.ids import uuid7
from accounts.models.people import User
from accounts.models.tenants import Membership, Tenant


class ApiKey(models.Model):
    """A caller's key. The key itself is shown once; what stays is a keyed hash (accounts/keys.py).

    Keys are revoked, never deleted: the gateway's processes learn of a change by `changed_at`."""

    class Scope(models.TextChoices):
        ALL = "all", "everything"
        CHAT = "chat", "ask models"
        READ = "read", "read: models, estimates, decisions"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    pepper_id = models.CharField(max_length=8, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    is_test = models.BooleanField(default=False, editable=False, help_text="Reaches the sandbox only, costs nothing.")
    default_strategy = models.CharField(max_length=32, blank=True, help_text="Empty: the tenant's.")
    tradeoff = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(10)],
        help_text="0 (price) to 10 (quality); empty: the tenant's.",
    )
    allowed_models = models.JSONField(default=list, blank=True, help_text="Ids such as openai/gpt-4o; empty: all.")
    scope = models.CharField(max_length=4, choices=Scope.choices, default=Scope.ALL)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    def revoke(self, at: datetime | None = None) -> None:
        """From now on nobody gets in with it; a second revocation keeps the first one's time."""
        self.revoked_at = self.revoked_at or at or timezone.now()
        self.save(update_fields=["revoked_at", "changed_at"])


class RetiredSecret(models.Model):
    """What a key was before it was rotated (accounts/rotation.py): still good for a while, so that nobody is cut off."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="retired_secrets")
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    pepper_id = models.CharField(max_length=8, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.prefix}…{self.last4} until {self.expires_at:%Y-%m-%d %H:%M}"


class ManagementKey(models.Model):
    """A key that manages and does not call (accounts/management_keys.py). Without a tenant it is an operator's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, blank=True, related_name="management_keys")
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="management_keys")
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=8, choices=Membership.Role.choices, blank=True, help_text="At most; empty: an operator's.")
    scopes = models.JSONField(default=list, help_text="Such as keys:read (accounts/scopes.py).")
    prefix = models.CharField(max_length=17, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    pepper_id = models.CharField(max_length=8, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"
