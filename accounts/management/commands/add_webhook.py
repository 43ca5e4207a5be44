"""manage.py add_webhook TENANT URL: a server of the tenant's that is told of what happens; prints its secret, once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.addresses import Forbidden, place_of
from accounts.management.commands.create_key import tenant_called
from accounts.models import Webhook
from accounts.webhooks import new_secret, seal_secret


class Command(BaseCommand):
    help = "Tell a tenant's server of events by signed POSTs (docs/api.md says how to verify them)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its id, or its name where only one has it")
        parser.add_argument("url")
        parser.add_argument("--event", action="append", default=[], help="only this one; may be given several times")

    def handle(self, *, tenant: str, url: str, event: list[str], **options: Any) -> None:
        try:
            place_of(url, plain_http=settings.WEBHOOKS_PLAIN_HTTP, allowed=settings.WEBHOOKS_ALLOWED_NETWORKS)
        except Forbidden as error:
            raise CommandError(str(error)) from error
        webhook, secret = Webhook(tenant=tenant_called(tenant), url=url, events=event), new_secret()
        seal_secret(webhook, secret)
        webhook.save()
        self.stdout.write(f"{webhook.pk} is told of {', '.join(event) or 'everything'}. Its secret, shown once:\n{secret}")
