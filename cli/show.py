"""Tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)  # a file has no edge
aside = Console(stderr=True, highlight=False)


def as_json(told: Any) -> None:
    json.dump(told, sys.stdout, indent=None, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], *, right: Sequence[str] = ()) -> None:
    """`columns`: what each is called, by the name of its field; `right`: numbers."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    *firm, last = columns
    for name in firm:
        shown.add_column(columns[name], justify="right" if name in right else "left", no_wrap=True, overflow="fold")
    shown.add_column(columns[last], justify="right" if last in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(text(row.get(name)) for name in columns))
    out.print(shown)


def text(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return _moment(str(value))


def _moment(value: str) -> str:
    """A time of the API's, as it is here."""
    if len(value) >= 20 and value[4:5] == "-" and value[10:11] == "T":
        try:
            return f"{datetime.fromisoformat(value).astimezone():%Y-%m-%d %H:%M:%S}"
        except ValueError:
            pass
    return value


def usd(amount: str | float | None) -> str:
    if amount is None:
        return "–"
    number = float(amount)
    return f"{number:,.2f}" if number >= 100 else f"{number:.6f}".rstrip("0").rstrip(".") or "0"
