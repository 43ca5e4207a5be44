"""manage.py reconcile [EXPORT.csv]: prints each difference between requests, ledger, rollups and a provider's export."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.reconcile import UnreadableExport, differences, excess, miscounted, missing_for, violations

MISSING = timedelta(minutes=5)


class Command(BaseCommand):
    help = "Prints each difference between requests, ledger, rollups and, if given, a provider's usage export."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("export", nargs="?", type=Path, help="CSV with the columns request_id (the provider's) and cost_usd")

    def handle(self, *args: Any, export: Path | None, **options: Any) -> None:
        try:
            found = self._found(export)
        except (OSError, UnreadableExport) as error:
            raise CommandError(str(error)) from error
        found += [str(window) for window in miscounted()]
        self.stdout.write(f"Budgets overrun since the installation: {violations()}.")
        self.stdout.write(f"Billed by providers beyond the limits that they were given: {excess():f} USD, the operator's.")
        for spender in missing_for(MISSING):
            self.stdout.write(f"{spender} holds money and has been silent since {spender.seen_at:%Y-%m-%d %H:%M} UTC.")
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("Everything adds up.")

    def _found(self, export: Path | None) -> list[str]:
        if export is None:
            return [str(difference) for difference in differences()]
        with export.open(encoding="utf-8", newline="") as file:
            return [str(difference) for difference in differences(file)]
