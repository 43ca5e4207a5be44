"""manage.py set_budget TENANT AMOUNT: bounds what a tenant, or one of its keys, may spend in a day or a month."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.management.commands.create_key import tenant_called
from accounts.models import ApiKey, Budget, Tenant


class Command(BaseCommand):
    help = "Set a tenant's budget, or that of one of its keys; processes hear of it within seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its id, or its name where only one has it")
        parser.add_argument("amount", help="USD such as 25 or 0.5, or tokens; `off` ends the budget")
        parser.add_argument("--key", help="the first characters of one of its keys (rp_live_…): that key's own budget")
        parser.add_argument("--period", choices=Budget.Period.values, default=Budget.Period.MONTH)
        parser.add_argument("--unit", choices=Budget.Unit.values, default=Budget.Unit.USD)
        parser.add_argument("--alerts", help="percents of it at which somebody is told, such as 50,80,100")
        parser.add_argument("--allow-unpriced", action="store_true", help="models of which nobody knows the price may run")

    @transaction.atomic
    def handle(self, *, tenant: str, amount: str, key: str | None, period: str, unit: str, **options: Any) -> None:
        owner = tenant_called(tenant)
        api_key = None if key is None else key_of(owner, key)
        found = Budget.objects.filter(tenant=owner, api_key=api_key, period=period, unit=unit, ended_at=None).first()
        budget = found or Budget(tenant=owner, api_key=api_key, period=period, unit=unit)
        if amount == "off":
            if found is None:
                raise CommandError("There is no such budget.")
            budget.ended_at = timezone.now()
        else:
            budget.amount = _amount(amount)
            budget.allow_unpriced = options["allow_unpriced"]
            if options["alerts"] is not None:
                budget.alert_shares = _shares(options["alerts"])
        try:
            budget.full_clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        budget.save()
        self.stdout.write(f"{budget}{' has ended' if budget.ended_at else ''}")


def key_of(tenant: Tenant, prefix: str) -> ApiKey:
    found = list(tenant.api_keys.filter(prefix__startswith=prefix[:16])[:2])
    if len(found) != 1:
        raise CommandError(f"{len(found) or 'no'} keys of {tenant} begin with {prefix[:16]!r}.")
    return found[0]


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"{text!r} is no amount: write a number such as 25 or 0.5, or `off`.") from None


def _shares(text: str) -> list[int]:
    try:
        return [int(share) for share in text.split(",") if share]
    except ValueError:
        raise CommandError(f"{text!r} are no percents: write them such as 50,80,100.") from None
