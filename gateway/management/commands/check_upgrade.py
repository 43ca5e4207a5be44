"""manage.py check_upgrade: what `migrate` would do, and whether processes of the version that runs can live with it."""

from typing import Any

from django.core.management.base import BaseCommand

from gateway import upgrades


class Command(BaseCommand):
    help = "Says which migrations are to run and whether they may while the previous version serves. Exit code 1: they may not."

    def handle(self, **options: Any) -> None:
        if upgrades.is_new():
            self.stdout.write("A new installation: manage.py migrate.")
            return
        waiting = upgrades.pending()
        if not waiting:
            self.stdout.write("Nothing is to be migrated: start the new version, one process after the other.")
            return
        for migration in waiting:
            self.stdout.write(f"  {migration.app_label}.{migration.name}")
        found = [danger for migration in waiting for danger in upgrades.dangers(migration)]
        if not found:
            self.stdout.write(f"{len(waiting)} migrations; the version that runs can live with all of them.")
            self.stdout.write("Back up, then: manage.py migrate; new workers and recorders; new gateways, one after the other.")
            return
        for danger in found:
            self.stdout.write(f"! {danger}")
        self.stdout.write("Stop all processes of the previous version before `manage.py migrate`.")
        raise SystemExit(1)
