"""What does a plan mean for a tenant? Its limits and markup hold for as long as the tenant is on it; its budget is given once."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Budget, Plan, Tenant


@transaction.atomic
def put_on(tenant: Tenant, plan: Plan) -> None:
    """The tenant's monthly budget in USD becomes the plan's, and is from then on the tenant's own to be lowered. A plan without
    one ends the budget that the plan before it gave, and leaves one that the tenant has set."""
    given = tenant.plan.month_usd if tenant.plan else None
    tenant.plan = plan
    tenant.save(update_fields=["plan", "changed_at"])
    own = {"tenant": tenant, "api_key": None, "period": Budget.Period.MONTH, "unit": Budget.Unit.USD, "ended_at": None}
    budget = Budget.objects.filter(**own).first()
    if plan.month_usd is not None:
        budget = budget or Budget(**own)
        budget.amount = plan.month_usd
        budget.save()
    elif budget is not None and budget.amount == given:
        budget.ended_at = timezone.now()
        budget.save()
