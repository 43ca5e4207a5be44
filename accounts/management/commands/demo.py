"""manage.py demo: the tenant, owner and key that bin/dev greets a newcomer with."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.keys import create_key
from accounts.models import ApiKey, Membership, Tenant, User
from accounts.tenants import vouch_for

EMAIL = "owner@demo.localhost"


class Command(BaseCommand):
    help = "Make the demo tenant, or find it again, and write VAR_DIR/demo.json. Not for production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    @transaction.atomic
    def handle(self, *, port: int, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo tenant is for laptops: ROUTEPLEX_ENV=production.")
        file = settings.VAR_DIR / "demo.json"
        known = json.loads(file.read_text("utf-8")) if file.exists() else {}
        demo = {"base_url": f"http://127.0.0.1:{port}/v1", **self._kept_or_new(known)}
        file.touch(0o600)
        file.write_text(json.dumps(demo, indent=2) + "\n", "utf-8")

    def _kept_or_new(self, known: dict[str, str]) -> dict[str, str]:
        """What demo.json says, as long as it is still true; what is not is made anew."""
        owner = User.objects.filter(email=EMAIL).first() or User.objects.create_user(EMAIL, is_staff=True, is_superuser=True)
        vouch_for(owner)
        tenant = Tenant.objects.filter(memberships__user=owner).first() or self._tenant(owner)
        password = known.get("password", "")
        if not owner.check_password(password):
            password = secrets.token_urlsafe(9)
            owner.set_password(password)
            owner.save()
        key = known.get("api_key", "")
        if not ApiKey.objects.filter(prefix=key[:16], tenant=tenant, revoked_at=None).exists():
            _, key = create_key(tenant, "demo", created_by=owner)
        return {"api_key": key, "email": EMAIL, "password": password}

    def _tenant(self, owner: User) -> Tenant:
        tenant = Tenant.objects.create(name="Demo")
        Membership.objects.create(tenant=tenant, user=owner, role=Membership.Role.OWNER)
        return tenant
