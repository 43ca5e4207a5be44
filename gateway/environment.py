"""How is a setting read? Each reader names the variable it complains of and says what to write instead.

Secrets come from `NAME` or from the file that `NAME_FILE` names, as containers mount them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def secret(name: str, default: str | None = None) -> str | None:
    """The value of NAME, or of the file NAME_FILE, without the newline at its end."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error}.") from error
    return os.environ.get(name) or default


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false. Write 1 or 0.")


def number(name: str, default: int, *, least: int = 0) -> int:
    value = os.environ.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number of at least {least}.")
    return int(value)


def share(name: str, default: float) -> float:
    value = os.environ.get(name)
    if value is None:
        return default
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ImproperlyConfigured(f"{name}={value!r} is not a number from 0 to 1.")
    return found


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A list, separated by commas."""
    value = secret(name)
    return [word for part in value.split(",") if (word := part.strip())] if value else list(default)


def url(name: str, default: str | None = None, *, schemes: tuple[str, ...] = ("http", "https")) -> str | None:
    value = secret(name, default)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in schemes and (bool(parts.hostname) or parts.scheme in ("unix", "sqlite"))
        _ = parts.port  # a port that is no number raises here
    except ValueError:
        good = False
    if not good:
        raise ImproperlyConfigured(f"{name} is not an address that begins with {' or '.join(s + '://' for s in schemes)}.")
    return value.rstrip("/")


def choice(name: str, default: str, among: tuple[str, ...]) -> str:
    value = os.environ.get(name) or default
    if value not in among:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(among)}.")
    return value


def required[T](name: str, value: T | None, *, why: str) -> T:
    if value in (None, "", []):
        raise ImproperlyConfigured(f"{name} is not set. {why}")
    assert value is not None
    return value


def parsed[T](name: str, parse: Callable[[str], T], value: str) -> T:
    """`value` read by a library's own parser, whose complaint gets the variable's name."""
    try:
        return parse(value)
    except Exception as error:
        raise ImproperlyConfigured(f"{name} cannot be understood: {error}") from error


_BACKENDS = {"smtp": "smtp", "smtp+tls": "smtp", "smtps": "smtp", "file": "filebased", "console": "console", "none": "dummy"}
MAIL_S = 10


def mailer(name: str, default: str) -> dict[str, Any]:
    """Django's MAILERS entry for an address: smtp://user:password@host:port, smtp+tls://…, smtps://…, file:///folder, console://,
    none://."""
    parts = urlsplit(secret(name) or default)
    if parts.scheme not in _BACKENDS or (parts.scheme.startswith("smtp") and not parts.hostname):
        raise ImproperlyConfigured(
            f"{name} is not an address such as smtp+tls://user:password@host:587, file:///folder or none://."
        )
    entry: dict[str, Any] = {"BACKEND": f"django.core.mail.backends.{_BACKENDS[parts.scheme]}.EmailBackend"}
    if parts.scheme == "file":
        entry["OPTIONS"] = {"file_path": parts.path}
    elif parts.hostname:
        entry["OPTIONS"] = {
            "host": parts.hostname,
            "port": parts.port or {"smtps": 465, "smtp+tls": 587}.get(parts.scheme, 25),
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_tls": parts.scheme == "smtp+tls",
            "use_ssl": parts.scheme == "smtps",
            "timeout": MAIL_S,
        }
    return entry
