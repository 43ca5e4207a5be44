"""manage.py create_key TENANT: an API key, shown once."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import Tenant


class Command(BaseCommand):
    help = "Make an API key for a tenant (its id, or its name where only one has it). The key is printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant")
        parser.add_argument("--name", default="default")
        parser.add_argument("--test", action="store_true", help="a rp_test_ key: the sandbox only, at no cost")
        parser.add_argument("--days", type=int, help="expires after so many days; never, when left out")

    def handle(self, *, tenant: str, name: str, test: bool, days: int | None, **options: Any) -> None:
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        row, token = create_key(tenant_called(tenant), name, test=test, expires_at=expires_at)
        self.stdout.write(token)
        self.stderr.write(f"{row.name} for {row.tenant.name}: this key is not shown again.")


def tenant_called(named: str) -> Tenant:
    """By its id, or by its name where only one has it."""
    found = list(Tenant.objects.filter(name=named)[:2])
    if not found:
        try:
            found = list(Tenant.objects.filter(pk=named))
        except ValidationError:
            found = []
    if len(found) == 1:
        return found[0]
    raise CommandError(f"{len(found) or 'no'} tenants are called {named!r}. Give the id that create_tenant printed.")
