"""manage.py set_plan TENANT PLAN: puts a tenant on a plan, with the plan's budget."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.commands.create_key import tenant_called
from accounts.models import Plan
from accounts.plans import put_on


class Command(BaseCommand):
    help = "Put a tenant on a plan: its rate limits and markup hold from now on, and its monthly budget becomes the tenant's."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its id, or its name where only one has it")
        parser.add_argument("plan", help="its name; the admin lists and makes them")

    def handle(self, *, tenant: str, plan: str, **options: Any) -> None:
        found = Plan.objects.filter(name=plan).first()
        if found is None:
            names = ", ".join(Plan.objects.order_by("name").values_list("name", flat=True))
            raise CommandError(f"There is no plan {plan!r}. There are: {names}.")
        owner = tenant_called(tenant)
        put_on(owner, found)
        self.stdout.write(f"{owner} is on the plan {found}")
