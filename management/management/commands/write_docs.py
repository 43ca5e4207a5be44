"""manage.py write_docs: writes what of docs/ comes from the code. A test compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from management import reference, writing
from management.tables import TABLES, with_tables


def written() -> dict[Path, str]:
    """What should stand where."""
    docs = Path(settings.ROOT) / "docs"
    description = json.loads(reference.description())
    endpoints = {docs / "endpoints" / name: text for name, text in writing.pages(description).items()}
    return endpoints | {docs / page: with_tables(page, (docs / page).read_text("utf-8")) for page in TABLES}


class Command(BaseCommand):
    help = "Writes what of docs/ comes from the code."

    def handle(self, *args: Any, **options: Any) -> None:
        for path, text in written().items():
            path.parent.mkdir(exist_ok=True)
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")
                self.stdout.write(f"written: {path.name}")
