"""manage.py demo_traffic: three months of lively, made-up traffic for a tenant, so that every page can be seen full."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.management.commands.create_key import tenant_called
from accounts.models import Tenant
from dashboard import traffic
from gateway.rollups import roll_up
from learning.learn import learn


class Command(BaseCommand):
    help = "Makes up a tenant's traffic: requests, money, sums, feedback, and what is learned from it. Not for production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default="Demo", help="its id, or its name; it is made where there is none")
        parser.add_argument("--requests", type=int, default=12_000)
        parser.add_argument("--days", type=int, default=90)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *, tenant: str, requests: int, days: int, seed: int, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Made-up money does not belong among real money: ROUTEPLEX_ENV=production.")
        if not Tenant.objects.filter(name=tenant).exists() and "-" not in tenant:
            Tenant.objects.create(name=tenant)
        owner, now = tenant_called(tenant), timezone.now()
        made = traffic.make(owner, requests=requests, days=days, until=now, seed=seed)
        self.stdout.write(f"{made} requests of {owner} in {days} days")
        hours = roll_up(now - timedelta(minutes=1))
        self.stdout.write(f"{hours} hours summed")
        while learn():
            pass
        self.stdout.write("learned from them")
