"""manage.py create_tenant NAME --owner EMAIL: a tenant, and who owns it."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts.models import Membership, Tenant, User
from accounts.tenants import vouch_for


class Command(BaseCommand):
    help = "Make a tenant and its owner. Prints the tenant's id and, for a new person, a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--password", help="for a new person; made up when left out")

    @transaction.atomic
    def handle(self, *, name: str, owner: str, password: str | None, **options: Any) -> None:
        tenant = Tenant.objects.create(name=name)
        user = User.objects.filter(email=owner.lower()).first()
        self.stdout.write(f"tenant {tenant.pk} {tenant.name}")
        if user is None:
            password = password or secrets.token_urlsafe(12)
            user = User.objects.create_user(owner, password)
            vouch_for(user)
            self.stdout.write(f"owner {user.email} with the password {password}")
        else:
            self.stdout.write(f"owner {user.email}, who has a password already")
        Membership.objects.create(tenant=tenant, user=user, role=Membership.Role.OWNER)
