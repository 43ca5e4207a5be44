"""manage.py create_management_key PERSON [--tenant TENANT]: a management key, shown once; without a tenant an operator's."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.management.commands.create_key import tenant_called
from accounts.management_keys import create
from accounts.models import Membership, User
from accounts.roles import ROLES
from accounts.scopes import PLATFORM_SCOPES, TENANT_SCOPES


class Command(BaseCommand):
    help = "Make a management key that acts for a person. The key is printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="their address")
        parser.add_argument("--tenant", help="its id, or its name where only one has it; left out: a key for operators")
        parser.add_argument("--name", default="made by the operator")
        parser.add_argument("--role", choices=ROLES, help="at most; left out: theirs")
        parser.add_argument("--scopes", help="such as keys:read,usage:read; left out: all")
        parser.add_argument("--days", type=int, help="expires after so many days; never, when left out")

    def handle(
        self, *, person: str, tenant: str | None, name: str, role: str | None, scopes: str | None, days: int | None, **_: Any
    ) -> None:
        user = User.objects.filter(email=person.lower()).first()
        if user is None:
            raise CommandError(f"Nobody has the address {person}.")
        known = TENANT_SCOPES if tenant else PLATFORM_SCOPES
        wanted = known if scopes is None else [scope.strip() for scope in scopes.split(",")]
        if unknown := [scope for scope in wanted if scope not in known]:
            raise CommandError(f"There is no scope {unknown[0]!r}. There are {', '.join(known)}.")
        whose = tenant_called(tenant) if tenant else None
        if whose is None and not user.is_staff:
            raise CommandError(f"{user} is no operator.")
        own = Membership.objects.filter(tenant=whose, user=user).first() if whose else None
        if whose is not None and own is None:
            raise CommandError(f"{user} is no member of {whose}.")
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        least = (role or own.role) if own else ""
        row, token = create(whose, user, name, role=least, scopes=wanted, expires_at=expires_at)
        self.stdout.write(token)
        self.stderr.write(f"{row.name} for {user}: this key is not shown again.")
