"""What the documentation says to run is run, as it stands, against the running product."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("quickstart.md", "migration.md", "management-api.md", "command-line.md")
BLOCKS = [
    pytest.param(language, code, id=f"{page}-{number}")
    for page in PAGES
    for number, (language, code) in enumerate(
        re.findall(r"^```(python|sh)\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.M | re.S), 1
    )
]


@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_it_runs(server, acme, language, code, tmp_path):
    from accounts.keys import create_key
    from accounts.management_keys import create
    from accounts.scopes import TENANT_SCOPES

    _, key = create_key(acme.tenant, "a reader's", test=True)
    env = {**os.environ, "ROUTEPLEX_BASE_URL": f"{server}/v1", "ROUTEPLEX_API_KEY": key}
    _, managing = create(acme.tenant, acme.alice, "a reader's", role="owner", scopes=TENANT_SCOPES)
    env |= {"ROUTEPLEX_URL": server, "ROUTEPLEX_MANAGEMENT_KEY": managing}
    command = tmp_path / "routeplex"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n')
    command.chmod(0o755)
    env["PATH"] = f"{tmp_path}:{Path(sys.executable).parent}:{env['PATH']}"
    command = [sys.executable, "-c", code] if language == "python" else ["sh", "-euc", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or "assert" in code or "feedback" in code


def test_there_is_something_to_run():
    assert len(BLOCKS) >= 7
