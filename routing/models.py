"""What a tenant has set of routing. Gateway processes load it with the caller (accounts/keys.py) and watch `changed_at`."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from routing.rules import Parts, Rules, Strategy

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def names(value: object) -> None:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValidationError('A list of names, such as ["openai", "anthropic/claude-sonnet-4"].')


def parts(value: object) -> None:
    """What routing.rules.Parts can be made of."""
    try:
        msgspec.convert(value, Parts)
    except msgspec.ValidationError as error:
        raise ValidationError(f"Not the parts of a strategy: {error}.") from error


class RoutingRules(models.Model):
    """A tenant's limits on who may serve, and its defaults."""

    tenant = models.OneToOneField("accounts.Tenant", on_delete=models.CASCADE, related_name="routing_rules")
    allow = models.JSONField(default=list, blank=True, validators=[names], help_text="Providers or models; empty: all.")
    deny = models.JSONField(default=list, blank=True, validators=[names], help_text="Providers or models.")
    premium = models.BooleanField(default=True, help_text="Whether premium models may be used.")
    max_input_usd_per_mtok = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    max_output_usd_per_mtok = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    regions = models.JSONField(default=list, blank=True, validators=[names], help_text="Where data may be processed.")
    tradeoff = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(10)], help_text="0 (price) to 10 (quality)."
    )
    max_fallbacks = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(2)],
        help_text="Further models that may be tried; empty: as requests ask.",
    )
    draws = models.BooleanField(default=True, help_text="Whether near-ties are drawn at random, so that outcomes can teach.")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        verbose_name_plural = "routing rules"

    def __str__(self) -> str:
        return f"rules of {self.tenant}"

    def as_rules(self) -> Rules:
        return Rules(
            allow=frozenset(self.allow),
            deny=frozenset(self.deny),
            premium=self.premium,
            max_input_price=_pico_per_token(self.max_input_usd_per_mtok),
            max_output_price=_pico_per_token(self.max_output_usd_per_mtok),
            regions=frozenset(self.regions),
        )


class TenantStrategy(models.Model):
    """A strategy of a tenant's own, used by its name in X-RoutePlex-Strategy or as a default."""

    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="strategies")
    name = models.CharField(max_length=32, validators=[RegexValidator(rf"^{NAME.pattern}$")])
    parts = models.JSONField(default=dict, validators=[parts], help_text="What it is made of: docs/routing.md.")
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        verbose_name_plural = "tenant strategies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="one_strategy_of_a_name"),
            models.CheckConstraint(
                condition=~models.Q(name__in=[s.value for s in Strategy]), name="our_strategies_keep_their_names"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.tenant}"

    def as_parts(self) -> Parts:
        return msgspec.convert(self.parts, Parts)


class LearnedWeights(models.Model):
    """What was learned of a tenant's work, one version of it (routing/weights.py); never changed."""

    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="learned_weights")
    version = models.PositiveIntegerField()
    weights = models.BinaryField(help_text="routing.learned.Learned, as JSON.")
    beliefs = models.BinaryField(help_text="What it was made from, in learning's own form.")
    reason = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "learned weights"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "version"], name="one_version_of_a_number")]

    def __str__(self) -> str:
        return f"version {self.version} of {self.tenant_id}"


class ServedWeights(models.Model):
    """Which version a tenant's requests are routed by. Gateway processes watch `changed_at`."""

    tenant = models.OneToOneField("accounts.Tenant", primary_key=True, on_delete=models.CASCADE, related_name="served_weights")
    version = models.PositiveIntegerField(default=0, help_text="0: the priors alone.")
    changed_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "served weights"

    def __str__(self) -> str:
        return f"version {self.version} for {self.tenant_id}"


class CatalogOverride(models.Model):
    """What the operator has changed of a provider or a model (routing/overrides.py)."""

    target = models.CharField(primary_key=True, max_length=200, help_text="A provider, or a model's id.")
    values = models.JSONField(help_text="Keys of its entry in routing/catalog.toml.")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.target


class CatalogText(models.Model):
    """The catalogue as it was, by its version: what a decision of that time is computed again from."""

    version = models.CharField(primary_key=True, max_length=12)
    texts = models.JSONField()
    since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.version


def _pico_per_token(usd_per_mtok: object) -> int | None:
    """USD per million tokens are micro-dollars a token."""
    return None if usd_per_mtok is None else max(1, int(usd_per_mtok * 10**6))  # type: ignore[operator]
