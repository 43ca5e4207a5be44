"""What may a management key do, beside what its maker's role allows? One table of scopes: `keys:read`, `keys:write` …

To write is to read as well. A scope opens no more than the role does: both must allow what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

OF_A_TENANT: Mapping[str, str] = {
    "tenant": "the workspace's name, time zone and what is kept; its export and deletion",
    "members": "members and invitations",
    "keys": "API keys and management keys",
    "budgets": "budgets and limits",
    "routing": "strategy, slider, rules and own strategies",
    "credentials": "keys of one's own at providers",
    "usage": "requests, tokens and cost by anything, savings",
    "requests": "requests, decisions and feedback",
    "contents": "prompts and answers that were kept",
    "learning": "what was learned, versions, trials and replays",
    "webhooks": "webhooks and their deliveries",
    "audit": "who did what",
    "chat": "ask models on the account of an API key",
}
OF_THE_PLATFORM: Mapping[str, str] = {"platform": "tenants, plans, models, prices, providers and health"}
ONLY_READ = frozenset({"usage", "contents", "audit"})
ONLY_WRITE = frozenset({"chat"})


def scopes(things: Iterable[str]) -> Sequence[str]:
    """All that there are of these things."""
    found = []
    for thing in things:
        if thing not in ONLY_WRITE:
            found.append(f"{thing}:read")
        if thing not in ONLY_READ:
            found.append(f"{thing}:write")
    return found


TENANT_SCOPES = scopes(OF_A_TENANT)
PLATFORM_SCOPES = scopes(OF_THE_PLATFORM)


def opens(granted: Iterable[str], needed: str) -> bool:
    thing, _, way = needed.partition(":")
    held = set(granted)
    return needed in held or (way == "read" and f"{thing}:write" in held)
