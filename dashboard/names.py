"""What is something called where people read it?"""

from __future__ import annotations

from functools import cached_property

from accounts.models import Tenant
from routing.snapshot import catalog

NOBODY = "nobody answered"


class Names:
    """Of one tenant's things."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {str(key.pk): key.name for key in self._tenant.api_keys.all()}

    def of(self, dimension: str, value: str) -> str:
        if dimension == "api_key":
            return self._keys.get(value, "a key that is gone")
        if not value:
            return NOBODY if dimension in ("model", "provider") else "none"
        if dimension == "provider":
            return provider(value)
        return words(value) if dimension == "query_type" else value


def provider(name: str) -> str:
    known = catalog().providers.get(name)
    return known.display_name if known else name


def words(name: str) -> str:
    """code_generation -> Code generation"""
    return name.replace("_", " ").capitalize()
