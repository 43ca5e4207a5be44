"""manage.py replay --tenant Acme --strategy cost --since 7d: what another strategy would have done with its own requests."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.management.commands.create_key import tenant_called
from accounts.models import Tenant
from learning.periods import moment
from learning.replay import replay
from learning.tables import replay_table
from learning.targets import Target
from learning.votes import Versions
from routing.refusals import UnknownStrategy
from routing.rules import Parts, Rules
from routing.types import PICO_PER_USD, SpendLimit


class Command(BaseCommand):
    help = "What would another strategy have cost a tenant, how long would it have taken, and how good would it have been?"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="its id, or its name where only one has it")
        parser.add_argument("--strategy", help="one of ours or of its own; left out: what each request had")
        parser.add_argument("--tradeoff", type=float, help="of the strategy auto: 0 (price) to 10 (quality)")
        parser.add_argument(
            "--parts", metavar="JSON", help='a strategy that nobody has yet, such as {"cost": 0.05, "keeps": 0.9}'
        )
        parser.add_argument("--rules", metavar="JSON", help='in place of the tenant\'s, such as {"deny": ["openai"]}')
        parser.add_argument("--weights-version", type=int, metavar="N", help="of what was learned; left out: that of the time")
        parser.add_argument("--budget", type=float, metavar="USD", help="what a budget of so much would have refused, too")
        parser.add_argument("--period", choices=["day", "month"], default="month", help="of the budget")
        parser.add_argument("--since", default="7d", help="7d, 24h, or a day such as 2026-11-01")
        parser.add_argument("--until", help="likewise; left out: now")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, tenant: str, since: str, until: str | None, json: bool, **options: Any) -> None:
        found, now = tenant_called(tenant), timezone.now()
        try:
            start = moment(since, now, found.time_zone)
            end = now if until is None else moment(until, now, found.time_zone)
            verdict = replay(str(found.pk), _target(found, **options), start, end)
        except (ValueError, msgspec.DecodeError, UnknownStrategy) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(msgspec.json.format(msgspec.json.encode(verdict)).decode() if json else replay_table(verdict))


def _target(
    tenant: Tenant,
    *,
    strategy: str | None,
    tradeoff: float | None,
    parts: str | None,
    rules: str | None,
    weights_version: int | None,
    budget: float | None,
    period: Any,
    **options: Any,
) -> Target:
    """Raises UnknownStrategy, ValueError, and DecodeError for what is no parts or rules."""
    learned = None if weights_version is None else Versions(str(tenant.pk))(weights_version)
    if weights_version is not None and learned is None:
        raise ValueError(f"There is no version {weights_version}.")
    limit = None if budget is None else int(budget * PICO_PER_USD)
    own = SpendLimit(id="asked", owner="tenant", period=period, unit="usd", size=limit or 0, zone=tenant.time_zone)
    return Target(
        strategy=strategy,
        tradeoff=tradeoff,
        parts=None if parts is None else msgspec.json.decode(parts, type=Parts),
        rules=None if rules is None else msgspec.json.decode(rules, type=Rules),
        learned=learned,
        strategies={one.name: one.as_parts() for one in tenant.strategies.all()},
        budgets=() if limit is None else (own,),
    )
