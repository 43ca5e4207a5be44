"""Who owns what: people, tenants, memberships, API keys."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.ids import uuid7
from routing.types import PICO_PER_USD, RateLimit, SpendLimit


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    def __str__(self) -> str:
        return self.email


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


class ApiKey(models.Model):
    """A caller's key. The key itself is shown once; what stays is a keyed hash (accounts/keys.py).

    Keys are revoked, never deleted: the gateway's processes learn of a change by `changed_at`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    pepper_id = models.CharField(max_length=8, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    is_test = models.BooleanField(default=False, editable=False, help_text="Reaches the sandbox only, costs nothing.")
    default_strategy = models.CharField(max_length=32, blank=True, help_text="Empty: the tenant's.")
    allowed_models = models.JSONField(default=list, blank=True, help_text="Ids such as openai/gpt-4o; empty: all.")
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


class Limit(models.Model):
    """How much a tenant, or one of its keys, may ask for at a time; of one model, or of all together."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="limits")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="limits", help_text="Empty: all keys."
    )
    model = models.CharField(max_length=200, blank=True, help_text="An id such as openai/gpt-4o; empty: all models.")
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    running = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)], help_text="Requests at once.")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["api_key", "model"], name="one_limit_of_a_key"),
            models.UniqueConstraint(fields=["tenant", "model"], condition=models.Q(api_key=None), name="one_limit_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"limit of {self.api_key or self.tenant} for {self.model or 'all models'}"

    def as_rate_limit(self) -> RateLimit:
        return RateLimit(
            owner="key" if self.api_key_id else "tenant",
            model=self.model,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            running=self.running,
        )


MOST_USD = 4_000_000  # of a budget: whole pico-dollars must fit into 64 bits, twice


def alert_shares() -> list[int]:
    return [50, 80, 100]


def check_shares(shares: object) -> None:
    if not isinstance(shares, list) or not all(isinstance(share, int) and 0 < share <= 100 for share in shares):
        raise ValidationError("Shares are whole percents from 1 to 100, such as [50, 80, 100].")


class Budget(models.Model):
    """The most that a tenant, or one of its keys, may spend in a calendar day or month of the tenant's time zone.

    A budget is ended, never deleted: the gateway's processes learn of a change by `changed_at`."""

    class Period(models.TextChoices):
        DAY = "day"
        MONTH = "month"

    class Unit(models.TextChoices):
        USD = "usd", "USD"
        TOKENS = "tokens", "tokens"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="budgets")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="budgets", help_text="Empty: all keys."
    )
    period = models.CharField(max_length=5, choices=Period.choices)
    unit = models.CharField(max_length=6, choices=Unit.choices, default=Unit.USD)
    amount = models.DecimalField(max_digits=19, decimal_places=6, validators=[MinValueValidator(0)])
    alert_shares = models.JSONField(
        default=alert_shares, blank=True, validators=[check_shares], help_text="Percents of the amount at which somebody is told."
    )
    allow_unpriced = models.BooleanField(default=False, help_text="Models of which nobody knows the price may run, uncounted.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="From then on it bounds nothing.")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["api_key", "period", "unit"], condition=models.Q(ended_at=None), name="one_budget_of_a_key"
            ),
            models.UniqueConstraint(
                fields=["tenant", "period", "unit"],
                condition=models.Q(api_key=None, ended_at=None),
                name="one_budget_of_a_tenant",
            ),
            models.CheckConstraint(
                condition=~models.Q(unit="usd") | models.Q(amount__lte=MOST_USD), name="a_budget_in_usd_that_can_be_counted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.get_unit_display()} a {self.period} for {self.api_key or self.tenant}"

    @property
    def size(self) -> int:
        """In whole pico-dollars or tokens."""
        return int(self.amount * PICO_PER_USD) if self.unit == self.Unit.USD else int(self.amount)

    def amount_of(self, size: int) -> Decimal:
        return Decimal(size) / PICO_PER_USD if self.unit == self.Unit.USD else Decimal(size)

    def as_spend_limit(self) -> SpendLimit:
        return SpendLimit(
            id=str(self.pk),
            owner="key" if self.api_key_id else "tenant",
            period=self.period,  # type: ignore[arg-type]  # the choices are the literal's
            unit=self.unit,  # type: ignore[arg-type]
            size=self.size,
            zone=self.tenant.time_zone,
            unpriced=self.allow_unpriced,
        )


class Webhook(models.Model):
    """A tenant's own server, which is told of what happens. Its secret is sealed and shown once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list, blank=True, help_text="Such as budget.threshold_reached; empty: all.")
    sealed_secret = models.BinaryField(editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.url


class Message(models.Model):
    """Something that somebody is to be told, and what came of it."""

    class Kind(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        GIVEN_UP = "given_up", "given up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="messages")
    event = models.CharField(max_length=64)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    webhook = models.ForeignKey(Webhook, on_delete=models.SET_NULL, null=True, blank=True, related_name="messages")
    to = models.CharField(max_length=500)
    payload = models.JSONField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_problem = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="messages_that_wait"),
            models.Index(fields=["tenant", "-created_at"], name="messages_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.to}"
