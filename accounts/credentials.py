"""With which secret is a provider reached, and where?

The platform's own keys come from the environment; a provider without one is played by the sandbox, where that runs.
`rp_test_` keys reach the sandbox only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.conf import settings

from routing.types import Endpoint, ProviderFacts


@cache
def _live(provider: ProviderFacts) -> Endpoint | None:
    """The real provider, where we may reach it: it has a key, needs none, or was pointed elsewhere."""
    secret = settings.PROVIDER_SECRET(provider.key_setting) if provider.key_setting else ""
    if provider.key_setting and not secret:  # a file with nothing in it is no key either
        return None
    base_url = settings.PROVIDER_BASE_URL(provider.base_url_setting) if provider.base_url_setting else None
    return Endpoint(base_url=base_url or provider.base_url, secret=secret or "", credential=provider.name)


@cache
def _sandbox(provider: ProviderFacts) -> Endpoint | None:
    if not settings.SANDBOX_URL or not provider.sandbox_path:
        return None
    url, name = settings.SANDBOX_URL + provider.sandbox_path, f"{provider.name} in the sandbox"
    return Endpoint(base_url=url, secret="sandbox", credential=name, sandbox=True)  # noqa: S106


def endpoint(provider: ProviderFacts, *, test: bool) -> Endpoint | None:
    """Where this caller's request for `provider` goes; None where nobody would answer."""
    return _sandbox(provider) if test else _live(provider) or _sandbox(provider)


def reachable(providers: Mapping[str, ProviderFacts], *, test: bool) -> frozenset[str]:
    """The providers that would answer. Computed once: the environment does not change under a process."""
    return _reachable(tuple(providers.values()), test)


@cache
def _reachable(providers: tuple[ProviderFacts, ...], test: bool) -> frozenset[str]:
    return frozenset(p.name for p in providers if endpoint(p, test=test) is not None)


def forget_all() -> None:
    """The environment is read again. For tests."""
    for remembered in (_live, _sandbox, _reachable):
        remembered.cache_clear()
