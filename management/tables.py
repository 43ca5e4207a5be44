"""The tables of docs/ that come from the code's own, between two marks: `manage.py write_docs` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gateway.meanings import MEANINGS
from gateway.variables import VARIABLES


def with_tables(page: str, text: str) -> str:
    """The text of docs/<page>, its tables as they should be."""
    for name, rows in TABLES[page].items():
        start, end = f"<!-- {name}: written by `manage.py write_docs` -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = before + start + "\n" + "\n".join(rows()) + "\n\n" + end + after
    return text


def _errors() -> Iterator[str]:
    """A problem's `type` leads to the first row of its code."""
    yield "| status | code | when |\n|---|---|---|"
    named: set[str] = set()
    for (status, code), when in MEANINGS.items():
        anchor = "" if code in named else f'<span id="{code.replace("_", "-")}"></span>'
        named.add(code)
        yield f"| {status} | `{code}` | {anchor}{when} |"


def _settings() -> Iterator[str]:
    yield "| name | default | meaning |\n|---|---|---|"
    for name, variable in VARIABLES.items():
        meaning = f"*secret*; {variable.meaning}" if variable.secret else variable.meaning
        yield f"| `{name}` | {variable.default} | {meaning} |"


TABLES: Mapping[str, Mapping[str, Callable[[], Iterator[str]]]] = {
    "errors.md": {"errors": _errors},
    "operations.md": {"settings": _settings},
}
