"""manage.py forget_tenant ID: closes a tenant for good and deletes everything but its books."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Tenant
from gateway.retention import forget_tenant


class Command(BaseCommand):
    help = "Closes a tenant for good and deletes its prompts, answers, requests, members and rules. Its ledger stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="as the admin shows it")

    def handle(self, *args: Any, id: str, **options: Any) -> None:
        try:
            while not forget_tenant(id):
                self.stdout.write("… there is more")
        except (Tenant.DoesNotExist, ValidationError):
            raise CommandError(f"There is no tenant {id!r}.") from None
        self.stdout.write("Everything is deleted but the ledger and its sums.")
