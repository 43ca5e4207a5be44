"""manage.py set_limit TENANT: how much a tenant, or one of its keys, may ask for at a time."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.commands.create_key import tenant_called
from accounts.management.commands.set_budget import key_of
from accounts.models import Limit

SIZES = ("requests_per_minute", "tokens_per_minute", "running")


class Command(BaseCommand):
    help = "Set rate limits of a tenant, or of one of its keys, for all models or one; processes hear of it within seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its id, or its name where only one has it")
        parser.add_argument("--key", help="the first characters of one of its keys (rp_live_…): that key's own limit")
        parser.add_argument("--model", default="", help="an id such as openai/gpt-4o: of this model only")
        parser.add_argument("--requests-per-minute", type=int)
        parser.add_argument("--tokens-per-minute", type=int)
        parser.add_argument("--running", type=int, help="requests at once")

    def handle(self, *, tenant: str, key: str | None, model: str, **options: Any) -> None:
        """Sizes that are not given are no limits any more; with none of them the limit is gone."""
        owner = tenant_called(tenant)
        api_key = None if key is None else key_of(owner, key)
        sizes = {size: options[size] for size in SIZES}
        found = Limit.objects.filter(tenant=owner, api_key=api_key, model=model).first()
        limit = found or Limit(tenant=owner, api_key=api_key, model=model)
        for size, value in sizes.items():
            setattr(limit, size, value)
        try:
            limit.full_clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        limit.save()
        told = ", ".join(f"{value} {size.replace('_', ' ')}" for size, value in sizes.items() if value is not None)
        self.stdout.write(f"{limit}: {told or 'nothing is limited'}")
