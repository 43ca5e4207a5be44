"""manage.py doctor: what is misconfigured, unreachable or behind, on one screen."""

from typing import Any

from django.core.management.base import BaseCommand

from gateway.doctor import Level, examine

SIGNS: dict[Level, str] = {"good": "✓", "warning": "!", "bad": "✗"}


class Command(BaseCommand):
    help = "Say what is misconfigured, unreachable or behind, each with the next step. Exit code 1 if anything is bad."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        style = {"good": self.style.SUCCESS, "warning": self.style.WARNING, "bad": self.style.ERROR}
        bad = 0
        for finding in examine():
            bad += finding.level == "bad"
            self.stdout.write(style[finding.level](f"{SIGNS[finding.level]} {finding.what}"))
            if finding.next:
                self.stdout.write(f"    → {finding.next}")
        if bad:
            raise SystemExit(1)
