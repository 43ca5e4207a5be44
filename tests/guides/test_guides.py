"""What docs/guides.md says of other people's tools is run with these tools, against the running product. GUIDES_PYTHON is an
interpreter with requirements/guides.txt; npm installs the rest (.ci/run)."""

import os
import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TEXT = (HERE.parents[1] / "docs" / "guides.md").read_text("utf-8")
BLOCKS = re.findall(r"^## ([^\n]+)\n\n```(python|js)\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("title", "language", "code"), BLOCKS, ids=[title for title, _, _ in BLOCKS])
def test_it_runs(server, acme, node, tmp_path, title, language, code):
    from accounts.keys import create_key

    _, key = create_key(acme.tenant, "a reader's", test=True)
    env = {**os.environ, "ROUTEPLEX_BASE_URL": f"{server}/v1", "ROUTEPLEX_API_KEY": key}
    if language == "python":
        command = [os.environ["GUIDES_PYTHON"], "-c", code]
    else:
        (node / "guide.mjs").write_text(code)
        command = ["node", "guide.mjs"]
    done = subprocess.run(command, env=env, cwd=node, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_are_some():
    assert len(BLOCKS) == 5
