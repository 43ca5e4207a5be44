"""manage.py recorder: moves this host's journals into the database, for ever."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from gateway import metrics
from gateway.recorder import Recorder


class Command(BaseCommand):
    help = "Move what the gateways of this host wrote down into the database. Run one on each host."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="until nothing is left to do, then stop")

    def handle(self, *, once: bool, **options: Any) -> None:
        recorder = Recorder(settings.JOURNAL_DIR)
        if settings.METRICS_PORT and not once:
            metrics.serve(settings.METRICS_HOST, settings.METRICS_PORT, settings.JOURNAL_DIR)
        if once:
            while recorder.step():
                pass
        else:
            signal.signal(signal.SIGTERM, lambda *_: recorder.leave())  # nothing is lost by being killed instead
            recorder.run()
