"""Node, with the packages that the documentation's snippets import."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    shutil.copy(Path(__file__).resolve().parent / "package.json", folder)
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, timeout=300)
    return folder
