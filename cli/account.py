"""Where, and with which keys: what `routeplex login` has kept, below what the environment says.

ROUTEPLEX_URL, ROUTEPLEX_API_KEY (rp_live_…: asks models) and ROUTEPLEX_MANAGEMENT_KEY (rp_admin_…: manages).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8000"
_NAMES = {"url": "ROUTEPLEX_URL", "api_key": "ROUTEPLEX_API_KEY", "management_key": "ROUTEPLEX_MANAGEMENT_KEY"}


@dataclass(frozen=True)
class Account:
    """Empty: none was given."""

    url: str = ""
    api_key: str = ""
    management_key: str = ""


def file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "routeplex" / "account.json"


def kept() -> Account:
    try:
        found = json.loads(file().read_text())
    except (OSError, ValueError):
        return Account()
    return Account(**{name: str(found[name]) for name in _NAMES if isinstance(found, Mapping) and found.get(name)})


def current() -> Account:
    said = {name: value for name, variable in _NAMES.items() if (value := os.environ.get(variable))}
    found = replace(kept(), **said)
    return replace(found, url=(found.url or DEFAULT_URL).rstrip("/"))


def keep(account: Account) -> Path:
    """For nobody else to read."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        json.dump(asdict(account), out, indent=2)
    fresh.replace(path)
    return path


def forget() -> None:
    file().unlink(missing_ok=True)


def with_key(account: Account, key: str) -> Account:
    """Which of the two it is, its beginning says. Raises ValueError."""
    if key.startswith("rp_admin_"):
        return replace(account, management_key=key)
    if key.startswith(("rp_live_", "rp_test_")):
        return replace(account, api_key=key)
    raise ValueError("A key begins with rp_admin_, rp_live_ or rp_test_.")
