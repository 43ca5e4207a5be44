"""Budgets, with what was spent of them, and limits; of all keys together, or of one."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils import timezone
from msgspec import UNSET, Meta, Struct, UnsetType, field

from accounts import access, audit
from accounts.models import ApiKey, Budget, Limit, alert_shares
from accounts.roles import Action
from gateway.errors import Conflict, InvalidValue, NotFound
from gateway.operations import Asked, Listed, Operations, operation
from gateway.spending import Spending, spendings_of
from management.changing import checked, put_on, said
from management.fields import Amount, Count, Text, Time, exact, plain
from management.paging import Cursor, Paging, page_of
from management.paging import Limit as PageLimit
from routing.settings import check_names

Shares = Annotated[list[Annotated[int, Meta(ge=1, le=100)]], Meta(max_length=20)]
SIZES = ("requests_per_minute", "tokens_per_minute", "running")


class BudgetTold(Struct, kw_only=True):
    """Amounts in USD or tokens, as `unit` says. `api_key`: None for all keys together. `spent` is of the window of now."""

    id: int
    api_key: UUID | None
    period: Literal["day", "month"]
    unit: Literal["usd", "tokens"]
    amount: str
    alert_shares: list[int]
    allow_unpriced: bool
    spent: str
    resets_at: Time | None
    created_at: Time


class NewBudget(Struct, kw_only=True, forbid_unknown_fields=True):
    amount: Amount
    period: Literal["day", "month"] = "month"
    unit: Literal["usd", "tokens"] = "usd"
    api_key: UUID | None = None
    alert_shares: Shares = field(default_factory=alert_shares)
    allow_unpriced: bool = False


class BudgetChange(Struct, kw_only=True, forbid_unknown_fields=True):
    amount: Amount | UnsetType = UNSET
    alert_shares: Shares | UnsetType = UNSET
    allow_unpriced: bool | UnsetType = UNSET


class OfKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: PageLimit = 50
    after: Cursor = ""
    api_key: UUID | None = None


class Budgets(Operations):
    @operation("list_budgets", "Budgets that bound something", scope="budgets:read", query=OfKey, answer=BudgetTold, listed=True)
    def get(self, asked: Asked) -> Listed:
        rows = access.budgets_of(asked.of)
        if asked.query.api_key:
            rows = rows.filter(api_key=asked.query.api_key)
        spent = _spent(asked)
        return page_of(rows, asked.query, lambda row: budget_told(row, spent.get(row.pk)))

    @operation(
        "create_budget",
        "Set a budget",
        description="One for each key, period and unit: where there is one already, change that.",
        scope="budgets:write",
        needs=Action.MANAGE_BUDGETS,
        body=NewBudget,
        answer=BudgetTold,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> BudgetTold:
        body: NewBudget = asked.body
        key = None if body.api_key is None else _key(asked, body.api_key)
        same: dict[str, Any] = {
            "tenant": asked.tenant,
            "api_key": key,
            "period": body.period,
            "unit": body.unit,
            "ended_at": None,
        }
        if (there := Budget.objects.filter(**same).first()) is not None:
            raise Conflict(f"There is such a budget already, number {there.pk}: change that one.", details={"id": there.pk})
        row = Budget(**same, alert_shares=sorted(set(body.alert_shares)), allow_unpriced=body.allow_unpriced)
        return _saved(asked, row, body.amount)


class OneBudget(Operations):
    @operation("get_budget", "One budget", scope="budgets:read", answer=BudgetTold)
    def get(self, asked: Asked, budget_id: int) -> BudgetTold:
        return budget_told(access.budget_for(asked.of, budget_id), _spent(asked).get(budget_id))

    @operation(
        "change_budget",
        "Change a budget",
        scope="budgets:write",
        needs=Action.MANAGE_BUDGETS,
        body=BudgetChange,
        answer=BudgetTold,
        edits=True,
    )
    def patch(self, asked: Asked, budget_id: int) -> BudgetTold:
        row, wanted = access.budget_for(asked.of, budget_id), said(asked.body)
        row.alert_shares = sorted(set(wanted.get("alert_shares", row.alert_shares)))
        row.allow_unpriced = wanted.get("allow_unpriced", row.allow_unpriced)
        return _saved(asked, row, wanted.get("amount", plain(row.amount)))

    @operation("end_budget", "End a budget", scope="budgets:write", needs=Action.MANAGE_BUDGETS, status=204, edits=True)
    def delete(self, asked: Asked, budget_id: int) -> None:
        row = access.budget_for(asked.of, budget_id)
        row.ended_at = timezone.now()
        row.save()
        audit.note(asked.request, asked.tenant, "budget.ended", row)


def _saved(asked: Asked, row: Budget, amount: str | float) -> BudgetTold:
    row.amount = exact(amount)
    with checked("amount"):
        row.full_clean()
    row.save()
    audit.note(asked.request, asked.tenant, "budget.set", row, alerts=row.alert_shares)
    return budget_told(row, _spent(asked).get(row.pk))


def _key(asked: Asked, key_id: UUID) -> ApiKey:
    row = access.api_keys_of(asked.of).filter(pk=key_id, revoked_at=None).first()
    if row is None:
        raise InvalidValue("There is no such API key that is good.", param="api_key")
    return row


def _spent(asked: Asked) -> dict[int, Spending]:
    return {one.budget_id: one for one in spendings_of([asked.tenant])}


def budget_told(row: Budget, spent: Spending | None) -> BudgetTold:
    same = {name: getattr(row, name) for name in ("period", "unit", "alert_shares", "allow_unpriced", "created_at")}
    return BudgetTold(
        **same,
        id=row.pk,
        api_key=row.api_key_id,
        amount=plain(row.amount),
        spent=plain(spent.spent if spent else Decimal(0)),
        resets_at=spent.resets_at if spent else None,
    )


# --- limits


class LimitTold(Struct, kw_only=True):
    """`model`: empty for all together; `running`: requests at once; None: no limit."""

    id: int
    api_key: UUID | None
    model: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    running: int | None


class NewLimit(Struct, kw_only=True, forbid_unknown_fields=True):
    api_key: UUID | None = None
    model: Text = ""
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    running: Count | None = None


class LimitChange(Struct, kw_only=True, forbid_unknown_fields=True):
    requests_per_minute: Count | UnsetType | None = UNSET
    tokens_per_minute: Count | UnsetType | None = UNSET
    running: Count | UnsetType | None = UNSET


class Limits(Operations):
    @operation("list_limits", "Limits", scope="budgets:read", query=Paging, answer=LimitTold, listed=True)
    def get(self, asked: Asked) -> Listed:
        return page_of(asked.tenant.limits.all(), asked.query, limit_told, by="changed_at")

    @operation(
        "create_limit",
        "Set a limit",
        description="One for each key and model: where there is one already, change that.",
        scope="budgets:write",
        needs=Action.MANAGE_BUDGETS,
        body=NewLimit,
        answer=LimitTold,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> LimitTold:
        body: NewLimit = asked.body
        if body.model:
            with checked("model"):
                check_names([body.model])
        key = None if body.api_key is None else _key(asked, body.api_key)
        if (there := Limit.objects.filter(tenant=asked.tenant, api_key=key, model=body.model).first()) is not None:
            raise Conflict(f"There is such a limit already, number {there.pk}: change that one.", details={"id": there.pk})
        sizes = {size: getattr(body, size) for size in SIZES}
        row = Limit.objects.create(tenant=asked.tenant, api_key=key, model=body.model, **sizes)
        audit.note(asked.request, asked.tenant, "limit.set", row, **sizes)
        return limit_told(row)


class OneLimit(Operations):
    @operation("get_limit", "One limit", scope="budgets:read", answer=LimitTold)
    def get(self, asked: Asked, limit_id: int) -> LimitTold:
        return limit_told(_limit(asked, limit_id))

    @operation(
        "change_limit",
        "Change a limit",
        description="With None in all three it limits nothing.",
        scope="budgets:write",
        needs=Action.MANAGE_BUDGETS,
        body=LimitChange,
        answer=LimitTold,
        edits=True,
    )
    def patch(self, asked: Asked, limit_id: int) -> LimitTold:
        row = _limit(asked, limit_id)
        put_on(row, asked.body)
        row.save()
        audit.note(asked.request, asked.tenant, "limit.set", row, **{size: getattr(row, size) for size in SIZES})
        return limit_told(row)


def _limit(asked: Asked, limit_id: int) -> Limit:
    row = asked.tenant.limits.filter(pk=limit_id).first()
    if row is None:
        raise NotFound("There is no such limit.")
    return row  # type: ignore[no-any-return]


def limit_told(row: Limit) -> LimitTold:
    sizes = {size: getattr(row, size) for size in SIZES}
    return LimitTold(id=row.pk, api_key=row.api_key_id, model=row.model, **sizes)
