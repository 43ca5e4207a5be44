"""What an operation may be asked with, by its name: in the description, in the documentation, in every snippet; tests/guides asks
each of them so. Whoever adds an operation with a body adds its example here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UUID = "0193f2a4-6c1e-7b52-9d0e-3f6b2a8c4d15"
PATH: Mapping[str, str] = {
    "key_id": UUID,
    "invitation_id": UUID,
    "webhook_id": UUID,
    "delivery_id": UUID,
    "key": UUID,
    "member_id": "12",
    "budget_id": "3",
    "limit_id": "4",
    "change_id": "27",
    "trial": "5",
    "version": "8",
    "other": "9",
    "request_id": "req_0193f2a46c1e7b529d0e",
    "provider": "openai",
    "model_id": "openai/gpt-4o-mini",
    "slug": "acme",
    "name": "careful",
}
"""What stands in a path, by the parameter's name."""

HELLO: Mapping[str, Any] = {"messages": [{"role": "user", "content": "Why is the sky blue?"}]}
PARTS: Mapping[str, Any] = {"quality": 1, "cost": 0.08, "keeps": 0.95}

BODIES: Mapping[str, Mapping[str, Any]] = {
    "create_chat_completion": {"model": "routeplex-ai", **HELLO},
    "give_feedback": {"request_id": PATH["request_id"], "thumb": "up"},
    "chat": {**HELLO, "strategy": "balanced", "max_output_tokens": 512},
    "chat_on_key": {**HELLO, "strategy": "balanced"},
    "estimate": {"model": "gpt-4o", **HELLO},
    "enhance": {"prompt": "explain recursion"},
    "give_native_feedback": {"request_id": PATH["request_id"], "rating": 5, "comment": "Just what I needed."},
    "route": {"model": "routeplex-ai", **HELLO},
    "create_key": {
        "name": "nightly",
        "default_strategy": "cost",
        "allowed_models": ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"],
    },
    "change_key": {"name": "nightly", "default_strategy": "balanced"},
    "rotate_key": {"overlap_hours": 48},
    "create_management_key": {"name": "reports", "role": "viewer", "scopes": ["usage:read", "requests:read"]},
    "invite": {"email": "grace@example.com", "role": "member"},
    "change_role": {"role": "admin"},
    "create_budget": {"amount": "250", "period": "month", "alert_shares": [50, 80, 100]},
    "change_budget": {"amount": "400"},
    "create_limit": {"model": "openai/gpt-4o", "requests_per_minute": 60, "tokens_per_minute": 100_000},
    "change_limit": {"requests_per_minute": 120},
    "change_routing": {"strategy": "balanced", "deny": ["google"], "max_output_usd_per_mtok": 20},
    "put_strategy": PARTS,
    "put_credential": {"secret": "sk-your-own-key"},
    "change_tenant": {"time_zone": "Europe/Berlin", "keep_requests_days": 180},
    "create_webhook": {"url": "https://hooks.example.com/routeplex", "events": ["budget.threshold_reached"]},
    "change_webhook": {"is_active": False},
    "change_learning": {"explores": 0.05, "gives": False},
    "replay": {"strategy": "cost", "since": "7d"},
    "create_trial": {"strategy": PATH["name"], "parts": PARTS},
    "create_operator_key": {"name": "capacity", "scopes": ["platform:read"]},
    "change_model": {"quality": 0.62, "price": {"input": "0.15", "output": "0.60"}},
    "put_platform_credential": {"secret": "sk-your-own-key"},
    "turn_target": {"target": "openai/gpt-4o-mini", "way": "drain"},
    "create_tenant": {"name": "Analytical Engines", "owner": "ada@example.com", "plan": "team"},
    "change_platform_tenant": {"plan": "team", "markup_percent": "5"},
    "put_plan": {"markup_percent": "10", "requests_per_minute": 600, "month_usd": "500"},
}
QUERIES: Mapping[str, Mapping[str, str]] = {
    "list_keys": {"revoked": "false"},
    "list_requests": {"status": "ok", "limit": "20"},
    "get_usage": {"group_by": "model", "interval": "day", "time_zone": "Europe/Berlin"},
    "list_audit": {"what": "key.created"},
    "get_savings": {"since": "30d"},
    "get_enhancement": {"since": "30d"},
    "list_tenants": {"q": "acme"},
    "delete_tenant": {"name": "Acme"},
}
