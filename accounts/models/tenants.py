"""Tenants, what they are granted, and who belongs to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.ids import slug, uuid7
from accounts.models.people import User
from routing.types import RateLimit


def check_zone(name: str) -> None:
    """Days and months of budgets and invoices are counted in it."""
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no time zone. Write one such as Europe/Zurich or UTC.")


class Plan(models.Model):
    """What the operator grants and charges the tenants on it, where nothing else was agreed with one of them."""

    name = models.SlugField(max_length=40, unique=True)
    markup_percent = models.DecimalField(
        max_digits=6, decimal_places=2, default=0, validators=[MinValueValidator(0)], help_text="Charged on top of the cost."
    )
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    running = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)], help_text="Requests at once.")
    month_usd = models.DecimalField(
        max_digits=19,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="The budget that a tenant gets when it is put on this plan.",
    )
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    def __str__(self) -> str:
        return self.name

    def as_rate_limit(self) -> RateLimit:
        return RateLimit(
            owner="tenant",
            model="",
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            running=self.running,
        )


class Tenant(models.Model):
    """A customer: owns keys, requests, budgets and what was learned for it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=10, unique=True, default=slug, editable=False)  # in the addresses of its pages
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True, help_text="A tenant that is not active gets 401 for every key.")
    default_strategy = models.CharField(max_length=32, blank=True, help_text="One of ours, or of its own.")
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_zone], help_text="Such as Europe/Zurich.")
    keep_contents_days = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(3650)],
        help_text="Prompts and answers are kept, encrypted, for so many days; 0: not at all.",
    )
    keep_requests_days = models.PositiveSmallIntegerField(
        default=400,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="What is recorded of requests (never their contents) is kept for so many days.",
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, null=True, blank=True, related_name="tenants")
    markup_percent = models.DecimalField(
        max_digits=6, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)], help_text="Empty: the plan's."
    )
    members = models.ManyToManyField(User, through="Membership", related_name="tenants")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True, db_index=True)  # gateway processes watch it

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"
        VIEWER = "viewer"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.tenant}"


class Invitations(models.QuerySet["Invitation"]):
    def waiting(self) -> Invitations:
        """Neither accepted nor too old."""
        return self.filter(accepted_at=None, expires_at__gt=timezone.now())


def week_from_now() -> datetime:
    return timezone.now() + timedelta(days=7)


class Invitation(models.Model):
    """Somebody is asked by mail to join a tenant. What opens it is in the mail; we keep a hash (accounts/invitations.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Membership.Role.choices, default=Membership.Role.MEMBER)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=week_from_now)
    accepted_at = models.DateTimeField(null=True, editable=False)

    objects = Invitations.as_manager()

    def __str__(self) -> str:
        return f"{self.email} may become {self.role} of {self.tenant}"
