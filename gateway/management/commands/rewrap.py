"""manage.py rewrap: what is kept encrypted, under the present ENCRYPTION_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.rewrapping import rewrap_all


class Command(BaseCommand):
    help = "Puts everything that was encrypted under an ENCRYPTION_KEY_PREVIOUS under ENCRYPTION_KEY."

    def handle(self, *args: Any, **options: Any) -> None:
        changed, unreadable = rewrap_all()
        self.stdout.write(f"{changed} envelopes changed.")
        if unreadable:
            raise CommandError(f"{unreadable} cannot be read: their key is missing in ENCRYPTION_KEY_PREVIOUS.")
