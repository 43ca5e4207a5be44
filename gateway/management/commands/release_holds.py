"""manage.py release_holds PROCESS: gives back what a lost process still holds of budgets."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateway import settlement
from gateway.models import Spender

SILENT = timedelta(minutes=5)


class Command(BaseCommand):
    help = "For a host that was lost with its disk: what it held of budgets is free again. `reconcile` names its processes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process")
        parser.add_argument("--force", action="store_true", help="even if it was heard of a moment ago")

    def handle(self, *, process: str, force: bool, **options: Any) -> None:
        spender = Spender.objects.filter(pk=process, gone_at=None).first()
        if spender is None:
            raise CommandError(f"No process that holds money is called {process!r}.")
        if spender.seen_at > timezone.now() - SILENT and not force:
            raise CommandError(f"{process} was heard of at {spender.seen_at:%H:%M:%S} UTC: it may be spending what it holds.")
        settlement.free(process)
        self.stdout.write(f"What {process} held is free again. Should it come back, what it spent is counted then.")
