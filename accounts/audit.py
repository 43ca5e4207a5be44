"""Who did what, when, from where? One entry for each deed that changes something or reads what people wrote.

Call `note` in the transaction of what it tells of, so that neither is there without the other. Entries hold no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from accounts.models import AuditEntry, OperatorEntry, Tenant, User
from accounts.origin import address_of

WHAT: dict[str, str] = {
    "tenant.created": "created the workspace",
    "tenant.changed": "changed the workspace",
    "tenant.exported": "exported the workspace's data",
    "tenant.deleted": "deleted the workspace",
    "member.invited": "invited",
    "member.uninvited": "withdrew the invitation of",
    "member.joined": "joined as",
    "member.role_changed": "changed the role of",
    "member.removed": "removed",
    "key.created": "made the key",
    "key.changed": "changed the key",
    "key.rotated": "rotated the key",
    "key.revoked": "revoked the key",
    "management_key.created": "made the management key",
    "management_key.revoked": "revoked the management key",
    "credential.saved": "saved a key of theirs at",
    "credential.checked": "checked the key at",
    "credential.removed": "removed the key at",
    "budget.set": "set the budget",
    "budget.ended": "ended the budget",
    "limit.set": "set the limit",
    "webhook.created": "added the webhook",
    "webhook.changed": "changed the webhook",
    "webhook.removed": "removed the webhook",
    "webhook.redelivered": "sent again to",
    "routing.changed": "changed the routing",
    "routing.undone": "took back a change of the routing",
    "strategy.saved": "saved the strategy",
    "strategy.removed": "removed the strategy",
    "learning.changed": "changed how learning works",
    "learning.pinned": "pinned what was learned at",
    "learning.let_go": "let go of",
    "learning.rolled_back": "went back with what was learned to",
    "learning.trusted": "trusted the feedback of",
    "learning.forgotten": "deleted everything that was learned",
    "contents.read": "read the prompt and answer of",
    "operator.came": "came in as the operator:",
    "operator.left": "left again",
}
"""Every kind of entry, as people read it, before its subject."""

OPERATED: dict[str, str] = {
    "catalog.changed": "changed",
    "health.opened": "took out of routing for a while",
    "health.closed": "put back into routing",
    "health.drained": "drained",
    "health.let_in": "let requests in again at",
    "management_key.created": "made the management key",
    "management_key.revoked": "revoked the management key",
    "plan.saved": "saved the plan",
    "tenant.created": "made the tenant",
    "credential.saved": "saved the platform's key at",
    "credential.removed": "removed the platform's key at",
    "switch.turned": "turned",
    "announcement.made": "announced",
    "announcement.ended": "ended the announcement",
    "tenant.entered": "came into the workspace",
    "tenant.left": "left the workspace",
    "tenant.plan_changed": "changed the plan of",
    "tenant.closed": "shut out",
    "tenant.opened": "let in again",
}
"""The same of what operators do to the platform."""

BY_KEY = "management_key"  # of a request: the key that acts for the person
IMPERSONATED = "impersonated"  # of a request: the operator's visit (accounts/impersonation.py)


def note(request: HttpRequest, tenant: Tenant, what: str, subject: object = "", **details: Any) -> AuditEntry:
    """`details`: what changed, in values that JSON has."""
    person = request.user if isinstance(request.user, User) else None
    return note_of(person, request, tenant, what, subject, **details)


def note_of(
    person: User | None, request: HttpRequest, tenant: Tenant, what: str, subject: object = "", **details: Any
) -> AuditEntry:
    """Where the person is not signed in yet."""
    assert what in WHAT, what
    entry = AuditEntry(tenant=tenant, what=what, **_seen(person, request, subject, details))
    if getattr(request, IMPERSONATED, False):
        entry.who = f"{entry.who} (operator)"
    entry.save()
    return entry


def operated(request: HttpRequest, what: str, subject: object = "", **details: Any) -> OperatorEntry:
    """What an operator has done to the platform."""
    assert what in OPERATED, what
    person = request.user if isinstance(request.user, User) else None
    return OperatorEntry.objects.create(what=what, **_seen(person, request, subject, details))


def _seen(person: User | None, request: HttpRequest, subject: object, details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "who": f"{person.email}{_by_key(request)}"[:254] if person else "somebody",
        "who_id": person.pk if person else None,
        "subject": str(subject)[:300],
        "details": dict(details),
        "address": address_of(request),
        "agent": request.headers.get("user-agent", "")[:300],
    }


def _by_key(request: HttpRequest) -> str:
    """With which management key they did it, if with one."""
    key = getattr(request, BY_KEY, None)
    return f" with {key.name[:100]} ({key.prefix}…)" if key else ""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What differs, as details of an entry."""
    return {name: {"from": before[name], "to": after[name]} for name in after if before[name] != after[name]}
