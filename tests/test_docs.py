"""Documentation that can be checked is."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command

from gateway import errors
from gateway.meanings import MEANINGS
from gateway.variables import VARIABLES
from management.management.commands.write_docs import written
from routing.snapshot import catalog
from routing.strategies import promises

ROOT = Path(__file__).resolve().parent.parent


def test_every_error_that_callers_are_told_has_a_meaning():
    rows = [*errors.TABLE.values(), *errors.PROVIDER_TABLE.values(), errors.SEVERAL_FAILED, errors.INTERNAL]
    assert set(MEANINGS) == {(row.status, row.code) for row in rows}
    page = (ROOT / "docs/errors.md").read_text("utf-8")
    for row in rows:
        assert page.count(f'<span id="{row.code.replace("_", "-")}">') == 1, "where a problem's type leads"


def test_every_variable_that_is_read_has_a_meaning():
    code = (ROOT / "gateway/settings.py").read_text("utf-8")
    read = set(re.findall(r'env\.(?:secret|text|flag|number|words|url|choice|share|mailer)\(\s*["\'](\w+)', code))
    for provider in catalog().providers.values():
        read |= {provider.key_setting, provider.base_url_setting} - {None}
    assert set(VARIABLES) == read
    hidden = {name for name in read if re.search(r"KEY|PEPPER|SECRET|DATABASE|REDIS_URL|EMAIL_URL", name)}
    assert hidden == {name for name, variable in VARIABLES.items() if variable.secret}


def test_settings_are_listed_and_secrets_are_not_shown(monkeypatch, capsys):
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden")
    call_command("settings", no_color=True)
    told = capsys.readouterr().out
    assert "LOG_LEVEL=WARNING" in told and "OPENAI_API_KEY=set, and secret" in told and "sk-hidden" not in told


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
