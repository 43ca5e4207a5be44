"""manage.py settings: what can be set, what is set here, and what it means. Secrets are not shown."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand

from gateway.variables import VARIABLES, Variable


class Command(BaseCommand):
    help = "Every setting: its value here or its default, and what it means."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, variable in VARIABLES.items():
            value = _value(name, variable)
            told = self.style.SUCCESS(f"{name}={value}") if value else f"{name} ({_plain(variable.default) or 'not set'})"
            self.stdout.write(f"{told}\n    {_plain(variable.meaning)}")


def _value(name: str, variable: Variable) -> str:
    if f"{name}_FILE" in os.environ and variable.secret:
        return f"from {os.environ[f'{name}_FILE']}"
    value = os.environ.get(name, "")
    return "set, and secret" if value and variable.secret else value


def _plain(text: str) -> str:
    return text.replace("`", "")
