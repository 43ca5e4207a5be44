"""What does the caller ask of the router itself? The X-RoutePlex-* headers, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.errors import InvalidValue
from routing.types import Preferences

MAX_FALLBACKS = 2
MAX_TIMEOUT_S = 3600

STRATEGY, FALLBACK, TIMEOUT = "X-RoutePlex-Strategy", "X-RoutePlex-Fallback", "X-RoutePlex-Timeout"
FIRST_TOKEN, UNSUPPORTED, CLAMP = "X-RoutePlex-First-Token-Timeout", "X-RoutePlex-Unsupported", "X-RoutePlex-Clamp"
TRADEOFF, EXPLORE, SESSION = "X-RoutePlex-Tradeoff", "X-RoutePlex-Explore", "X-RoutePlex-Session"
ENHANCE, TEST_MODE = "X-RoutePlex-Enhance", "X-RoutePlex-Test-Mode"
MAX_SESSION = 200  # characters

_DEFAULT = Preferences()
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def preferences(headers: Mapping[bytes, bytes]) -> Preferences:
    """Raises InvalidValue with the header as its parameter. Header names in `headers` are lower case."""
    if not any(name.startswith(b"x-routeplex-") for name in headers):
        return _DEFAULT
    timeout = _seconds(headers, TIMEOUT)
    return Preferences(
        strategy=_strategy(headers),
        tradeoff=_tradeoff(headers),
        draws=_choice(headers, EXPLORE, ("on", "off")) != "off",
        session=_session(headers),
        max_fallbacks=_fallbacks(headers),
        timeout_ms=timeout if timeout is not None else _DEFAULT.timeout_ms,
        first_token_ms=_seconds(headers, FIRST_TOKEN),
        drop_unsupported=_choice(headers, UNSUPPORTED, ("refuse", "ignore")) == "ignore",
        clamp=_choice(headers, CLAMP, ("on", "off")) != "off",
        premium=_choice(headers, TEST_MODE, ("true", "false")) != "true",
        enhance=_choice(headers, ENHANCE, ("true", "false")) == "true",
    )


def _value(headers: Mapping[bytes, bytes], name: str) -> str | None:
    value = headers.get(name.lower().encode())
    return value.decode("latin-1").strip().lower() if value is not None else None


def _choice(headers: Mapping[bytes, bytes], name: str, among: tuple[str, ...]) -> str | None:
    value = _value(headers, name)
    if value is not None and value not in among:
        raise InvalidValue(f"{name} is one of {', '.join(among)}, not {value!r}.", param=name)
    return value


def _strategy(headers: Mapping[bytes, bytes]) -> str | None:
    """One of ours or of the tenant's own: which ones there are is known where the caller is."""
    value = _value(headers, STRATEGY)
    if value is not None and not _NAME.fullmatch(value):
        raise InvalidValue(f"{STRATEGY} is the name of a strategy, such as auto or cost, not {value!r}.", param=STRATEGY)
    return value


def _tradeoff(headers: Mapping[bytes, bytes]) -> float | None:
    value = _value(headers, TRADEOFF)
    if value is None:
        return None
    try:
        tradeoff = float(value)
    except ValueError:
        tradeoff = -1.0
    if not 0 <= tradeoff <= 10:
        raise InvalidValue(f"{TRADEOFF} is a number from 0 (price) to 10 (quality), not {value!r}.", param=TRADEOFF)
    return tradeoff


def _session(headers: Mapping[bytes, bytes]) -> str | None:
    value = headers.get(SESSION.lower().encode())
    if value is not None and len(value) > MAX_SESSION:
        raise InvalidValue(f"{SESSION} has at most {MAX_SESSION} characters.", param=SESSION)
    return value.decode("latin-1").strip() if value else None


def _fallbacks(headers: Mapping[bytes, bytes]) -> int:
    value = _choice(headers, FALLBACK, ("on", "off", *(str(n) for n in range(MAX_FALLBACKS + 1))))
    if value in (None, "on"):
        return MAX_FALLBACKS
    return 0 if value == "off" else int(value)


def _seconds(headers: Mapping[bytes, bytes], name: str) -> int | None:
    """As milliseconds."""
    value = _value(headers, name)
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise InvalidValue(f"{name} is a number of seconds from 0.001 to {MAX_TIMEOUT_S}, not {value!r}.", param=name)
    return max(1, round(seconds * 1000))
