"""Keys of the tenant's own at providers: written, checked with the provider, never read again."""

from __future__ import annotations

from typing import Annotated

from django.db import transaction
from msgspec import Meta, Struct

from accounts import access, audit, bringing
from accounts.credentials import base_url_of
from accounts.models import Credential
from accounts.roles import Action
from gateway.checking import Answer, check
from gateway.errors import InvalidValue, NotFound
from gateway.operations import Asked, Listed, Operations, operation
from management.fields import Time
from management.paging import Paging, page_of
from routing.snapshot import catalog
from routing.types import ProviderFacts

Secret = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[!-~]+$", description="Never told again.")]


class CredentialTold(Struct, kw_only=True):
    """`checked_at`: when the provider last took it; None: it could not be asked."""

    provider: str
    last4: str
    checked_at: Time | None
    created_by: str | None
    created_at: Time


class NewCredential(Struct, kw_only=True, forbid_unknown_fields=True):
    secret: Secret


class Credentials(Operations):
    @operation(
        "list_credentials",
        "Keys at providers",
        scope="credentials:read",
        needs=Action.MANAGE_CREDENTIALS,
        query=Paging,
        answer=CredentialTold,
        listed=True,
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(access.credentials_of(asked.of), asked.query, told)


class OneCredential(Operations):
    @operation(
        "put_credential",
        "Bring a key at a provider",
        description="The provider is asked whether it takes the key; one that it refuses is not kept.",
        scope="credentials:write",
        needs=Action.MANAGE_CREDENTIALS,
        body=NewCredential,
        answer=CredentialTold,
        atomic=False,
    )
    def put(self, asked: Asked, provider: str) -> CredentialTold:
        facts, secret = brought(provider), asked.body.secret
        answer = asked_provider(facts, secret)
        with transaction.atomic():
            row = bringing.keep(asked.tenant, facts.name, secret, by=asked.of.user, taken=answer.taken)
            audit.note(asked.request, asked.tenant, "credential.saved", facts.name, last4=row.last4, checked=answer.taken)
        return told(row)

    @operation(
        "delete_credential", "Remove a key at a provider", scope="credentials:write", needs=Action.MANAGE_CREDENTIALS, status=204
    )
    def delete(self, asked: Asked, provider: str) -> None:
        row = access.credentials_of(asked.of).filter(provider=provider).first()
        if row is None:
            raise NotFound("There is no key of yours at this provider.")
        audit.note(asked.request, asked.tenant, "credential.removed", provider, last4=row.last4)
        bringing.remove(row)


def brought(provider: str) -> ProviderFacts:
    """A provider that takes a key. Raises NotFound."""
    facts = catalog().providers.get(provider)
    if facts is None or not facts.key_setting:
        raise NotFound("There is no such provider that takes a key.")
    return facts


def asked_provider(facts: ProviderFacts, secret: str) -> Answer:
    """Raises InvalidValue where it refuses the key."""
    answer = check(facts, base_url_of(facts), secret)
    if answer.refused:
        raise InvalidValue(answer.told, param="secret")
    return answer


def told(row: Credential) -> CredentialTold:
    same = {name: getattr(row, name) for name in ("provider", "last4", "checked_at", "created_at")}
    return CredentialTold(**same, created_by=row.created_by.email if row.created_by else None)
