"""With which secret is a provider reached, and where?

The platform's own keys are what the operator has saved (sealed in the database), or else come from the environment; a
provider without one is played by the sandbox, where that runs. `rp_test_` keys reach the sandbox only. A tenant's own key at a
provider is used instead of the platform's: it is sealed, too, opened when a caller is read, and never shown.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from accounts import envelopes
from routing.types import Endpoint, OwnSecret, ProviderFacts

if TYPE_CHECKING:
    from accounts.models import Credential, PlatformCredential, Tenant

log = logging.getLogger("routeplex.credentials")
OWN = "own "  # begins the names of what tenants have brought; routing/health_store.py knows them by it
NONE: Mapping[str, OwnSecret] = {}


@cache
def _live(provider: ProviderFacts) -> Endpoint | None:
    """The real provider, where we may reach it: it has a key, needs none, or was pointed elsewhere."""
    secret = _platform.get(provider.name) or (settings.PROVIDER_SECRET(provider.key_setting) if provider.key_setting else "")
    if provider.key_setting and not secret:  # a file with nothing in it is no key either
        return None
    return Endpoint(base_url=base_url_of(provider), secret=secret or "", credential=provider.name)


@cache
def base_url_of(provider: ProviderFacts) -> str:
    """The real provider's, or where the operator has pointed it."""
    elsewhere = settings.PROVIDER_BASE_URL(provider.base_url_setting) if provider.base_url_setting else None
    return str(elsewhere or provider.base_url)


@cache
def _sandbox(provider: ProviderFacts) -> Endpoint | None:
    if not settings.SANDBOX_URL or not provider.sandbox_path:
        return None
    url, name = settings.SANDBOX_URL + provider.sandbox_path, f"{provider.name} in the sandbox"
    return Endpoint(base_url=url, secret="sandbox", credential=name, sandbox=True)  # noqa: S106


def endpoint(provider: ProviderFacts, *, test: bool, own: Mapping[str, OwnSecret] = NONE) -> Endpoint | None:
    """Where this caller's request for `provider` goes; None where nobody would answer. `own`: the caller's own keys."""
    if test:
        return _sandbox(provider)
    if own and (mine := own.get(provider.name)) is not None:
        return Endpoint(base_url=base_url_of(provider), secret=mine.secret, credential=mine.name, own=True)
    return _live(provider) or _sandbox(provider)


def reachable(providers: Mapping[str, ProviderFacts], *, test: bool, own: Mapping[str, OwnSecret] = NONE) -> frozenset[str]:
    """The providers that would answer. Computed once, and when the platform's keys have changed."""
    ours = _reachable(tuple(providers.values()), test)
    return ours | (own.keys() & providers.keys()) if own and not test else ours


@cache
def _reachable(providers: tuple[ProviderFacts, ...], test: bool) -> frozenset[str]:
    return frozenset(p.name for p in providers if endpoint(p, test=test) is not None)


def forget_all() -> None:
    """The environment is read again. For tests."""
    for remembered in (_live, _sandbox, _reachable, base_url_of):
        remembered.cache_clear()


# --- the platform's own, saved while we run

_platform: dict[str, str] = {}  # by provider


def refresh() -> list[str]:
    """Reads what is saved. The providers whose key is another one since."""
    from accounts.models import PlatformCredential

    saved = {row.provider: secret for row in PlatformCredential.objects.all() if (secret := _opened(row, platform_about(row)))}
    changed = [name for name in saved.keys() | _platform.keys() if saved.get(name) != _platform.get(name)]
    if changed:
        _platform.clear()
        _platform.update(saved)
        forget_all()
    return changed


def platform_about(credential: PlatformCredential) -> str:
    return f"platform|credential|{credential.provider}|v1"


def _opened(credential: Credential | PlatformCredential, about: str) -> str | None:
    """One that cannot be opened is as good as none, and is told."""
    try:
        return envelopes.unseal(bytes(credential.sealed_secret), about).decode()
    except envelopes.Unreadable:
        log.exception("the credential %s cannot be opened", credential.pk)
        return None


# --- a tenant's own


def seal_secret(credential: Credential | PlatformCredential, secret: str) -> None:
    of_platform = not hasattr(credential, "tenant_id")
    what = platform_about(credential) if of_platform else about(credential)  # type: ignore[arg-type]
    credential.sealed_secret = envelopes.seal(secret.encode(), what)
    credential.last4 = secret[-4:]


def about(credential: Credential) -> str:
    """Put under another tenant, row or provider, it does not open."""
    return f"{credential.tenant_id}|credential|{credential.pk}|{credential.provider}|v1"


def secrets_of(tenant: Tenant) -> Mapping[str, OwnSecret]:
    """By provider."""
    found: dict[str, OwnSecret] = {}
    for credential in tenant.credentials.filter(is_active=True):
        if (secret := _opened(credential, about(credential))) is not None:
            found[credential.provider] = OwnSecret(name=f"{OWN}{credential.pk}", secret=secret)
    return found
