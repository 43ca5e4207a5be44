"""manage.py savings --tenant Acme: what routing saves against the tenant's baseline, and whether quality suffers."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.management.commands.create_key import tenant_called
from learning.periods import moment
from learning.savings import savings
from learning.tables import savings_table


class Command(BaseCommand):
    help = "What does routing save, against the conversations that are held back on the tenant's baseline? Does quality suffer?"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="its id, or its name where only one has it")
        parser.add_argument("--since", default="30d", help="7d, 24h, or a day such as 2026-11-01")
        parser.add_argument("--until", help="likewise; left out: now")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, tenant: str, since: str, until: str | None, json: bool, **options: Any) -> None:
        found, now = tenant_called(tenant), timezone.now()
        try:
            start = moment(since, now, found.time_zone)
            end = now if until is None else moment(until, now, found.time_zone)
        except ValueError as error:
            raise CommandError(str(error)) from None
        meter = savings(str(found.pk), start, end)
        self.stdout.write(msgspec.json.format(msgspec.json.encode(meter)).decode() if json else savings_table(meter))
