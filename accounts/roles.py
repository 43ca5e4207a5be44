"""Who in a tenant may do what? One table: each action, and the least role that may do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

ROLES: Sequence[str] = ("viewer", "member", "admin", "owner")  # each may do all that the one before it may


class Action(StrEnum):
    SEE = "see what happens"
    USE = "ask models here and say what an answer was worth"
    MAKE_KEYS = "make API keys and look after one's own"
    MANAGE_KEYS = "look after everybody's API keys"
    READ_CONTENTS = "read prompts and answers that were kept"
    MANAGE_ROUTING = "change how requests are routed"
    MANAGE_BUDGETS = "set budgets and limits"
    MANAGE_CREDENTIALS = "bring providers' keys"
    MANAGE_WEBHOOKS = "tell other servers of what happens"
    MANAGE_MEMBERS = "invite people and give them roles"
    MANAGE_OWNERS = "make and unmake owners"
    READ_AUDIT = "read who did what"
    MANAGE_TENANT = "rename, keep and delete what belongs to everybody"


LEAST: Mapping[Action, str] = {
    Action.SEE: "viewer",
    Action.USE: "member",
    Action.MAKE_KEYS: "member",
    Action.MANAGE_KEYS: "admin",
    Action.READ_CONTENTS: "admin",
    Action.MANAGE_ROUTING: "admin",
    Action.MANAGE_BUDGETS: "admin",
    Action.MANAGE_CREDENTIALS: "admin",
    Action.MANAGE_WEBHOOKS: "admin",
    Action.MANAGE_MEMBERS: "admin",
    Action.MANAGE_OWNERS: "owner",
    Action.READ_AUDIT: "admin",
    Action.MANAGE_TENANT: "owner",
}

PROMISES: Mapping[str, str] = {
    "viewer": "Sees requests, numbers and settings; changes nothing.",
    "member": "Uses the gateway, makes API keys and looks after their own.",
    "admin": "Runs it: keys, budgets, credentials, routing, webhooks, members; reads kept prompts.",
    "owner": "Everything, and alone: owners, the workspace's name, what is kept, deletion.",
}
"""What a person is told of each role."""


def may(role: str, action: Action) -> bool:
    return ROLES.index(role) >= ROLES.index(LEAST[action])
