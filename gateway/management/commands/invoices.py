"""manage.py invoices 2026-11 --out november.csv: what each tenant is to be charged for a month."""

import sys
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.invoices import invoices_of, write


class Command(BaseCommand):
    help = "Write what each tenant is to be charged for a month as CSV: lines by day and model, and a total that is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("month", help="such as 2026-11; each tenant's begins and ends where it lives")
        parser.add_argument("--out", metavar="FILE", help="else it is printed")

    def handle(self, *, month: str, out: str | None, **options: Any) -> None:
        first = _month(month)
        if out is None:
            write(invoices_of(first), first, sys.stdout)
            return
        with open(out, "w", encoding="utf-8", newline="") as file:
            number = write(invoices_of(first), first, file)
        self.stdout.write(f"{number} invoices in {out}")


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        raise CommandError(f"{text!r} is no month: write one such as 2026-11.") from None
