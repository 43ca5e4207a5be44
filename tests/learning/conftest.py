"""What the tests of learning share: requests that are over, or were really asked and answered, and what is said of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import openai
import pytest

from accounts.ids import request_id
from routing.classify import classify_text
from routing.types import Attempt, Classification, Usage
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER

CODE = "Write a Python function that merges two sorted lists."


def classification(words: str = CODE, **more: Any) -> Classification:
    found = classify_text(words)
    return Classification(
        **{
            "query_type": found.query_type,
            "posterior": found.posterior,
            "complexity": found.complexity,
            "needs": {},
            "input_tokens": 20,
            "max_output_tokens": None,
            **more,
        }
    )


def attempt(**more: Any) -> Attempt:
    plain = {"number": 1, "model": "alpha/alpha-1", "provider": "alpha", "started_ms": 0, "duration_ms": 10, "finish": "stop"}
    return Attempt(**{**plain, "usage": Usage(input_tokens=20, output_tokens=200), **more})


@pytest.fixture
def ended(acme: Any) -> Any:
    """A request that is over, as the recorder would have written it."""
    from django.utils import timezone

    from gateway.models import RequestLog

    def ended(*attempts: Attempt, tenant: Any = None, key: Any = None, about: Classification | None = None, **more: Any) -> Any:
        about, made = about or classification(), attempts or (attempt(),)
        last = made[-1]
        plain = {
            "request_id": request_id(),
            "tenant": tenant or acme.tenant,
            "api_key": key or acme.row,
            "received_at": timezone.now(),
            "status": "ok" if last.error is None else "error",
            "http_status": 200 if last.error is None else 502,
            "model": last.model,
            "provider": last.provider,
            "query_type": about.query_type,
            "classification": msgspec.to_builtins(about),
            "attempts": msgspec.to_builtins(list(made)),
        }
        return RequestLog.objects.create(**{**plain, **more})

    return ended


@pytest.fixture
def say(acme: Any) -> Any:
    from learning.feedback import Said, give

    def say(row: Any, *, key: Any = None, **what: Any) -> Any:
        owner = key or row.api_key
        return give(str(owner.tenant_id), Said(request_id=row.request_id, **what), key_id=str(owner.pk))

    return say


# --- through the front door

PROMPTS = (
    "Write a Python function that merges two sorted lists.",
    "Translate to French: the weather is nice today.",
    "Prove that the square root of two is irrational.",
    "Hi, how are you?",
    "Summarize this text: the harvest of last year was good.",
)


@pytest.fixture
def ask(server, acme, provider):
    """One automatic request among the scripted models; its request id."""
    with openai.OpenAI(base_url=f"{server}/v1", api_key=acme.key, max_retries=0, timeout=30) as client:

        def ask(prompt=PROMPTS[0], model="routeplex-ai", **headers):
            provider.clear()
            for name in ("alpha", "beta"):
                provider.say(name, scripted.whole(ANSWER))
            named = {f"X-RoutePlex-{name}": value for name, value in headers.items()}
            messages = [{"role": "user", "content": prompt}]
            answer = client.chat.completions.create(model=model, messages=messages, extra_headers=named)
            return answer.model_extra["x_routeplex"]["request_id"]

        yield ask


@pytest.fixture
def scripted_only(acme):
    """The tenant uses the scripted models that speak OpenAI's format: alpha is ten times cheaper than beta."""
    from routing.models import RoutingRules

    RoutingRules.objects.create(tenant=acme.tenant, allow=["alpha", "beta"])
    return acme


@pytest.fixture
def period():
    now = datetime.now(UTC)
    return SimpleNamespace(since=now - timedelta(hours=1), until=now + timedelta(hours=1))
