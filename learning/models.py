"""What was said of answers, what it came to, and what is believed because of it. Of each tenant its own; shared are sums."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from learning.beliefs import EXPLORES

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]
MOST_HELD_BACK = 0.05
MOST_EXPLORED = 0.2


class TenantLearning(models.Model):
    """A tenant's wishes, and all that is believed of its work (learning/beliefs.py). Who learns locks the row."""

    tenant = models.OneToOneField("accounts.Tenant", primary_key=True, on_delete=models.CASCADE, related_name="learning")
    learns = models.BooleanField(default=True, help_text="Off: nothing is learned, and the priors alone route.")
    gives = models.BooleanField(default=True, help_text="Whether sums of its outcomes may be shared with other tenants.")
    takes = models.BooleanField(default=True, help_text="Whether sums of other tenants' outcomes may help route.")
    explores = models.FloatField(
        default=EXPLORES,
        validators=[MinValueValidator(0.0), MaxValueValidator(MOST_EXPLORED)],
        help_text="The largest share of requests that may go to a model that is not the first, to learn.",
    )
    baseline = models.CharField(max_length=200, blank=True, help_text="The model that savings are measured against.")
    held_back = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(MOST_HELD_BACK)],
        help_text="Share of conversations that stay on the baseline, so that savings can be measured; 0: none.",
    )
    pinned_version = models.PositiveIntegerField(null=True, blank=True, help_text="Served until it is let go; empty: the newest.")
    judge = models.CharField(max_length=200, blank=True, help_text="A model that scores a sample; empty: none does.")
    judge_share = models.FloatField(default=0.01, validators=SHARE)
    judge_usd_per_day = models.DecimalField(max_digits=12, decimal_places=6, default=1, validators=[MinValueValidator(0)])
    judge_key_id = models.UUIDField(null=True, editable=False)
    judge_token = models.BinaryField(null=True, editable=False, help_text="The judge's own API key, sealed.")
    distrusted = models.JSONField(default=list, blank=True, help_text="API keys whose feedback is not counted.")
    power = models.JSONField(default=dict, blank=True, help_text="Of implicit signals: how far they foretell explicit ones.")
    beliefs = models.BinaryField(default=bytes, blank=True, editable=False)
    outcomes = models.PositiveBigIntegerField(default=0, editable=False)
    votes = models.PositiveBigIntegerField(default=0, editable=False)
    learned_at = models.DateTimeField(null=True, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "tenants' learning"

    def __str__(self) -> str:
        return f"learning of {self.tenant_id}"


class Feedback(models.Model):
    """One thing that was said of one request; the last time that it was said counts."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey("accounts.ApiKey", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    request_id = models.CharField(max_length=32)
    signal = models.CharField(max_length=80, help_text="As learning/reward.py knows it; metric:NAME for a named metric.")
    value = models.FloatField(validators=SHARE)
    words = models.BinaryField(null=True, help_text="A comment and a correction, sealed.")
    given_at = models.DateTimeField(default=timezone.now)
    waiting = models.BooleanField(default=True, help_text="Learning has not counted it yet.")
    counts = models.BooleanField(default=True, help_text="Off: its key is distrusted, or it is of no request of this tenant.")

    class Meta:
        verbose_name_plural = "feedback"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "request_id", "signal"], name="one_word_of_each_kind"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["given_at"], condition=models.Q(waiting=True), name="feedback_to_be_counted"),
        ]

    def __str__(self) -> str:
        return f"{self.signal} {self.value} of {self.request_id}"


class CountedVote(models.Model):
    """What the feedback on one request came to when it was counted: what is taken back when it changes."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="+")
    request_id = models.CharField(max_length=32)
    api_key_id = models.CharField(max_length=36, blank=True)
    query_type = models.CharField(max_length=32)
    model = models.CharField(max_length=200)
    reward = models.FloatField()
    weight = models.FloatField()
    expected = models.FloatField()
    clock = models.FloatField()
    alarms = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "request_id"], name="one_vote_of_a_request")]
        indexes: ClassVar = [models.Index(fields=["tenant", "-clock"], name="votes_of_a_tenant")]

    def __str__(self) -> str:
        return f"{self.reward:.2f} for {self.model}"


class StrategyTrial(models.Model):
    """A version of one of a tenant's strategies that may replace it once it is shown to be no worse (learning/trials.py)."""

    class State(models.TextChoices):
        SUGGESTED = "suggested", "stands beside what serves"
        PROMOTED = "promoted", "serves: it was shown to be no worse"
        TAKEN = "taken", "serves: a person took it"
        WITHDRAWN = "withdrawn"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.CASCADE, related_name="+")
    strategy = models.CharField(max_length=32)
    parts = models.JSONField(help_text="Of the new version: docs/routing.md.")
    before = models.JSONField(null=True, help_text="What it has replaced.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.SUGGESTED)
    why = models.CharField(max_length=200, blank=True)
    found = models.JSONField(null=True, help_text="The last replay.")
    created_at = models.DateTimeField(default=timezone.now)
    judged_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "strategy"], condition=models.Q(state="suggested"), name="one_trial_of_a_strategy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} on trial: {self.state}"


class SharedArm(models.Model):
    """What many tenants' outcomes say of one model at one type of work: counts, nothing else. Made anew as a whole."""

    query_type = models.CharField(max_length=32)
    model = models.CharField(max_length=200)
    tenants = models.PositiveIntegerField()
    count = models.FloatField()
    surprise = models.FloatField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["query_type", "model"], name="one_shared_arm_each"),
            models.CheckConstraint(condition=models.Q(tenants__gte=5), name="at_least_five_tenants"),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.query_type}"
