"""What is kept of every request, of all money, and of every hour and day."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class RequestLog(models.Model):
    """One request, whatever its end. Written by the recorder only, from the journal; prompts and answers are not in it.

    Tenant and key are references without a constraint: a row must never be lost because its tenant is gone."""

    class Status(models.TextChoices):
        OK = "ok"
        REPLAYED = "replayed", "an earlier answer, told again"
        ERROR = "error", "failed at the providers"
        REFUSED = "refused", "refused by the gateway"
        CLIENT_GONE = "client_gone", "the caller hung up"
        ORPHANED = "orphaned", "its process died; nobody saw its end"

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=32, unique=True)
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    api_key = models.ForeignKey("accounts.ApiKey", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    received_at = models.DateTimeField()
    is_test = models.BooleanField(default=False)
    is_stream = models.BooleanField(default=False)

    requested_model = models.CharField(max_length=200, blank=True)
    strategy = models.CharField(max_length=32, blank=True)
    query_type = models.CharField(max_length=32, blank=True)
    classification = models.JSONField(null=True)
    decision = models.JSONField(null=True)
    attempts = models.JSONField(default=list)
    conversation = models.CharField(
        max_length=24, blank=True, db_default="", help_text="A mark of it (gateway/marks.py), no text."
    )
    asked = models.CharField(max_length=24, blank=True, db_default="", help_text="Likewise of all that was asked.")
    before = models.CharField(max_length=24, blank=True, db_default="", help_text="Likewise of all before the last question.")
    enhanced = models.CharField(
        max_length=40, blank=True, db_default="", help_text="What enhancement added, such as explanation.en, or: unchanged."
    )

    status = models.CharField(max_length=12, choices=Status.choices)
    http_status = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=64, blank=True)
    duration_ms = models.PositiveIntegerField(null=True)
    ttft_ms = models.PositiveIntegerField(null=True)

    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_input_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    usage_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12, default=0)
    entered_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    learned = models.BooleanField(default=False, editable=False, db_default=False, help_text="Learning has looked at it.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(learned=False), name="requests_to_be_learned"),
            models.Index(fields=["tenant", "-received_at"], name="requests_of_a_tenant"),
            models.Index(fields=["received_at"], name="requests_of_an_hour"),
            models.Index(fields=["tenant", "received_at"], condition=~models.Q(enhanced=""), name="requests_enhanced"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.status}"


class LedgerEntry(models.Model):
    """Money spent, once for each attempt and kind; never changed, never deleted. Their sum is what a tenant has spent.

    Like RequestLog without constraints to tenant and key, and written by the recorder in the same transaction."""

    class Kind(models.TextChoices):
        USAGE = "usage", "by the provider's own numbers"
        ESTIMATE = "estimate", "counted by us: the provider gave no numbers"
        ORPHANED = "orphaned", "its process died; nobody saw its end"
        ADJUSTMENT = "adjustment"
        REFUND = "refund"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    api_key = models.ForeignKey("accounts.ApiKey", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    request_id = models.CharField(max_length=32)
    attempt = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField(help_text="When the request came.")
    model = models.CharField(max_length=200)
    provider = models.CharField(max_length=64)
    query_type = models.CharField(max_length=32, blank=True)
    strategy = models.CharField(max_length=32, blank=True, db_default="")
    upstream_request_id = models.CharField(max_length=200, blank=True)
    own_credential = models.BooleanField(default=False, help_text="The tenant's own key: its provider bills it, not we.")
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    amount_usd = models.DecimalField(max_digits=24, decimal_places=12)
    entered_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request_id", "attempt", "kind"], name="one_entry_of_a_kind_for_an_attempt")
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "at"], name="entries_of_a_tenant"),
            models.Index(fields=["at"], name="entries_of_an_hour"),
            models.Index(fields=["at"], condition=models.Q(own_credential=True), name="entries_with_own_keys"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_usd} USD for {self.request_id}/{self.attempt}"


class IdempotentAnswer(models.Model):
    """The first request with an Idempotency-Key: its claim while it runs, then its answer, for 24 hours (gateway/claims.py).

    `name` and `fingerprint` are marks of the key and of what was asked, `answer` is sealed: each under the caller's own
    API key, which nobody here has (gateway/transcripts.py)."""

    class State(models.TextChoices):
        RUNNING = "running"
        KEPT = "kept"
        TOO_LONG = "too_long", "answered, too long to keep"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    api_key = models.ForeignKey(
        "accounts.ApiKey", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    name = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    request_id = models.CharField(max_length=32)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    answer = models.BinaryField(null=True)
    beaten_at = models.DateTimeField(help_text="When its process was last heard of.")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["api_key", "name"], name="one_first_request_of_a_key")]

    def __str__(self) -> str:
        return f"{self.request_id} {self.state}"


class Creation(models.Model):
    """What was made through the management API with an Idempotency-Key, in the same transaction: asked again within 24 hours,
    the same answer (gateway/creations.py). `answer` is sealed, for it may hold a secret that is shown once."""

    owner = models.CharField(max_length=40, help_text="Who made it: a management key's or a person's id.")
    name = models.CharField(max_length=64, help_text="A digest of the Idempotency-Key.")
    fingerprint = models.CharField(max_length=64, help_text="Of what was asked.")
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.BinaryField(default=b"")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="one_creation_of_a_name")]

    def __str__(self) -> str:
        return f"{self.owner} {self.status}"


class KeptContent(models.Model):
    """What was asked and answered, sealed (gateway/kept.py); only of tenants that want it, for as long as they want it."""

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=32, unique=True)
    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    received_at = models.DateTimeField()
    sealed = models.BinaryField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant", "received_at"], name="contents_of_a_tenant")]

    def __str__(self) -> str:
        return self.request_id


class Horizon(models.Model):
    """From when on all of a tenant's requests are there; what is older may be deleted (gateway/horizons.py)."""

    tenant = models.OneToOneField(
        "accounts.Tenant", primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    requests_since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.tenant_id} since {self.requests_since}"


class Sums(models.Model):
    """Of an hour (UTC) or a day (of the tenant's time zone): made from requests and ledger, and made anew at will."""

    class Period(models.TextChoices):
        HOUR = "hour"
        DAY = "day"

    id = models.BigAutoField(primary_key=True)
    period = models.CharField(max_length=4, choices=Period.choices)
    starts_at = models.DateTimeField()
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    requests = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12, default=0)
    fallbacks = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Requests with more than one attempt.")
    durations = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), help_text="gateway/histogram.py")
    first_tokens = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), help_text="Of streams.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.period} {self.starts_at}: {self.cost_usd} USD"


class Rollup(Sums):
    """By everything at once."""

    api_key = models.ForeignKey("accounts.ApiKey", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    model = models.CharField(max_length=200, blank=True)
    query_type = models.CharField(max_length=32, blank=True)
    strategy = models.CharField(max_length=32, blank=True, db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["period", "starts_at", "tenant", "api_key", "model", "query_type", "strategy"], name="one_sum_each"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "period", "starts_at"], name="sums_of_a_tenant")]


class Marginal(Sums):
    """By one thing alone, or, where `dimension` is empty, by nothing: what pages read, for there are few of them."""

    dimension = models.CharField(max_length=10, blank=True, help_text="model, query_type, strategy, api_key; empty: all.")
    value = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "period", "dimension", "starts_at", "value"], name="one_marginal_each")
        ]
        indexes: ClassVar = [models.Index(fields=["period", "dimension", "starts_at"], name="marginals_of_all_tenants")]


class BudgetWindow(models.Model):
    """A day or a month of a budget, counted: in pico-dollars or tokens, as its budget is. `reserved` is the sum of what its
    holds still hold, `spent` of what they have settled, beside what the ledger knew when it was opened (`seed`)."""

    id = models.BigAutoField(primary_key=True)
    budget = models.ForeignKey("accounts.Budget", on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    seed = models.BigIntegerField(default=0)
    spent = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    most = models.BigIntegerField(default=0, help_text="The largest size that the budget had in this window.")
    opened_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["budget", "starts_at"], name="one_window_each")]

    def __str__(self) -> str:
        return f"{self.budget} from {self.starts_at:%Y-%m-%d %H:%M}"


class Spender(models.Model):
    """A gateway process that holds money. It is alive for as long as its journal is locked; `journal` names the folder, and
    with it the recorder, which can see that."""

    id = models.CharField(primary_key=True, max_length=200)
    journal = models.CharField(max_length=40, db_index=True)
    seen_at = models.DateTimeField(default=timezone.now)
    gone_at = models.DateTimeField(null=True, help_text="All that it held was given back.")

    def __str__(self) -> str:
        return self.id


class Hold(models.Model):
    """What one process holds of one window: granted - returned - settled. All three only grow: the process has the first
    two written, the recorder the third."""

    id = models.BigAutoField(primary_key=True)
    window = models.ForeignKey(BudgetWindow, on_delete=models.CASCADE, related_name="holds")
    spender = models.ForeignKey(Spender, on_delete=models.CASCADE, related_name="holds")
    granted = models.BigIntegerField(default=0)
    returned = models.BigIntegerField(default=0)
    settled = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["window", "spender"], name="one_hold_each")]

    def __str__(self) -> str:
        return f"{self.spender}: {self.amount}"

    @property
    def amount(self) -> int:
        return self.granted - self.returned - self.settled


class BudgetAlert(models.Model):
    """A share of a budget was reached; once for each window and share. Whoever tells people of it drains this table."""

    id = models.BigAutoField(primary_key=True)
    window = models.ForeignKey(BudgetWindow, on_delete=models.CASCADE, related_name="alerts")
    share = models.PositiveSmallIntegerField(help_text="Percent.")
    at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True, editable=False, help_text="When messages of it were written.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["window", "share"], name="one_alert_each")]
        indexes: ClassVar = [models.Index(fields=["at"], condition=models.Q(told_at=None), name="alerts_to_be_told")]

    def __str__(self) -> str:
        return f"{self.share} % of {self.window}"
