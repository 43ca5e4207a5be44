"""Documentation that can be checked is."""

import re
from pathlib import Path

import pytest

from gateway import errors
from management.management.commands.write_docs import written
from routing.snapshot import catalog
from routing.strategies import promises

ROOT = Path(__file__).resolve().parent.parent


def test_the_table_of_errors_is_the_code_s():
    page = (ROOT / "docs/errors.md").read_text("utf-8")
    told = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.M))
    rows = [*errors.TABLE.values(), *errors.PROVIDER_TABLE.values(), errors.SEVERAL_FAILED, errors.INTERNAL]
    assert told == {(str(row.status), row.code) for row in rows}
    for row in rows:
        assert page.count(f'<span id="{row.code.replace("_", "-")}">') == 1, "where a problem's type leads"


def test_the_table_of_settings_is_the_code_s():
    text = (ROOT / "docs/operations.md").read_text("utf-8").split("## Settings")[1].split("\n## ")[0]
    told = {name for row in re.findall(r"^\| (`.+?) \|", text, re.M) for name in re.findall(r"`(\w+)`", row)}
    code = (ROOT / "gateway/settings.py").read_text("utf-8")
    read = set(re.findall(r'env\.(?:secret|text|flag|number|words|url|choice|mailer)\(\s*["\'](\w+)', code))
    for provider in catalog().providers.values():
        read |= {provider.key_setting, provider.base_url_setting} - {None}
    assert told == read


def test_what_comes_from_the_code_is_written_anew():
    """manage.py write_docs"""
    found = written()
    for path, text in found.items():
        assert path.read_text("utf-8") == text, f"{path.name} is not what manage.py write_docs writes"
    assert {path for path in found if path.parent.name == "endpoints"} == set((ROOT / "docs/endpoints").iterdir())


def test_the_strategies_promises_are_the_code_s():
    text = (ROOT / "docs/routing.md").read_text("utf-8")
    for name, promise in promises().items():
        assert f"| `{name}` | {promise} |" in text


@pytest.mark.parametrize("file", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(file):
    page = ROOT / file
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_row_of_what_happens_names_tests_that_there_are():
    text = (ROOT / "docs/operations.md").read_text("utf-8").split("| what happens | what follows |")[1].split("\n\n")[0]
    rows = [row for row in text.splitlines()[2:] if row.startswith("|")]
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.split("|")[3])
        assert named, row
        assert all(f"def {name}(" in tests for name in named), row
