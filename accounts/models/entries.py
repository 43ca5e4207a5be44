"""Who did what: entries that are written once."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.tenants import Tenant


class Entry(models.Model):
    """Who did what, when, from where. Written once (accounts/audit.py) and never changed.

    The person is a name written down, no reference: what somebody did stays when they go."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now, editable=False)
    who = models.CharField(max_length=254)
    who_id = models.UUIDField(null=True)
    what = models.CharField(max_length=64)
    subject = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=300, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.who} {self.what} {self.subject}"


class AuditEntry(Entry):
    """Of one tenant. It goes when its tenant does, and by nothing else."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="audit_entries")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [models.Index(fields=["tenant", "-at"], name="audit_of_a_tenant")]


class OperatorEntry(Entry):
    """Of the platform: what its operators did."""

    class Meta:
        verbose_name_plural = "operator's entries"
        indexes: ClassVar = [models.Index(fields=["-at"], name="audit_of_the_operators")]
