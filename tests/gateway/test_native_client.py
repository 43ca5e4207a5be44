"""The published `routeplex` clients against this server, unchanged: the newest, and the oldest that must keep working."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Budget, Limit
from gateway import visitors
from tests.gateway.conftest import ANSWER, STREAM
from tests.upstream import stream, whole

OLDEST = Path(sys.prefix) / "clients" / "0.1"
EXPECTED = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


def _client(folder: Path | None):
    """The package from that folder, beside the one that is installed."""
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "routeplex"}
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("routeplex")
    finally:
        if folder is not None:
            sys.path.remove(str(folder))
        for name in list(sys.modules):
            if name.partition(".")[0] == "routeplex":
                del sys.modules[name]
        sys.modules.update(ours)


NEW, OLD = _client(None), _client(OLDEST)


@pytest.fixture(params=[NEW, OLD], ids=["1.0.0", "0.1.0"])
def package(request):
    return request.param


@pytest.fixture
def client(package, server, acme):
    visitors.forget()
    return package.RoutePlex(acme.key, base_url=server, timeout=20)


@pytest.fixture
def newest(server, acme):
    visitors.forget()
    return NEW.RoutePlex(acme.key, base_url=server, timeout=20)


def test_they_are_two_releases():
    assert hasattr(NEW.RoutePlex, "chat_stream") and not hasattr(OLD.RoutePlex, "chat_stream")


def test_chat_with_a_named_model(client, provider):
    provider.say("alpha", whole(ANSWER))
    answer = client.chat("Hi", model="alpha-1", temperature=0, max_output_tokens=99)
    assert (answer.output, answer.model_used, answer.provider) == ("Hello!", "alpha-1", "alpha")
    assert answer.routing_mode == "manual" and answer.fallback_used is False
    assert answer.id.startswith("req_") and answer.latency_ms >= 0
    assert {name: getattr(answer.usage, name) for name in EXPECTED} == EXPECTED
    assert answer.usage.cost_usd == pytest.approx(6e-6 + 4e-7 + 10e-6)
    assert provider.requests[0].json["max_completion_tokens"] == 99
    assert provider.requests[0].json["temperature"] == 0


def test_chat_left_to_the_router(client):
    answer = client.chat("Write a Python function that merges two lists.", strategy="cost")
    assert answer.routing_mode == "routeplex-ai"
    assert answer.output and answer.model_used and answer.usage.total_tokens > 0


def test_a_conversation_and_what_the_client_does_not_know(client, package, provider):
    provider.say("alpha", whole(ANSWER))
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "Al"},
    ]
    assert client.chat(turns, model="alpha/alpha-1").output == "Hello!"
    assert provider.requests[0].json["messages"] == turns


def test_a_fallback_is_told(client, provider):
    provider.say("alpha", whole({"error": {"message": "down"}}, 500))
    provider.say("beta", whole(ANSWER))
    answer = client.chat("Hi", model="alpha-1")
    assert answer.fallback_used is True and answer.provider != "alpha"


def test_enhancement(client, provider):
    provider.say("alpha", whole(ANSWER))
    answer = client.chat("compare react and vue", model="alpha-1", enhance_prompt=True)
    assert answer.enhancement["applied"] is True
    assert answer.enhancement["original_prompt"] == "compare react and vue"
    assert answer.enhancement["query_type"] == "comparison"
    sent = provider.requests[0].json["messages"][-1]["content"]
    assert sent.startswith("compare react and vue\n\n")


def test_without_enhancement_the_key_is_absent(client, provider):
    provider.say("alpha", whole(ANSWER))
    answer = client.chat("compare react and vue", model="alpha-1")
    assert "enhancement" not in answer.raw["data"]
    assert provider.requests[0].json["messages"][-1]["content"] == "compare react and vue"


def test_test_mode_takes_no_premium_model(newest):
    tiers = {model.id: model.tier for model in newest.list_models()}
    answer = newest.chat("Prove that there are infinitely many primes.", strategy="quality", test_mode=True)
    assert tiers[answer.model_used] == "default"
    assert "premium" in tiers.values()


def test_estimate(client):
    told = client.estimate("hi", model="gpt-4o-mini")
    assert told.model == "gpt-4o-mini" and told.confidence == "high"
    assert told.total_tokens == told.input_tokens + 512
    assert told.estimated_cost_usd == pytest.approx((told.input_tokens * 0.15 + 512 * 0.6) / 1e6)
    assert told.pricing == pytest.approx({"input_per_1k": 0.00015, "output_per_1k": 0.0006})


def test_estimate_of_the_router_s_choice(client):
    told = client.estimate([{"role": "user", "content": "Write a poem about rain."}], max_output_tokens=100)
    assert told.model and told.max_output_tokens == 100
    assert 0 < told.raw["data"]["expected_cost_usd"] <= told.raw["data"]["highest_cost_usd"]


def test_enhance(client):
    told = client.enhance("sort a list in python")
    assert told.changed and told.enhanced_prompt.startswith("sort a list in python\n\n")
    assert told.query_type.startswith("code_") and told.detected_language == "python"


def test_models(client):
    models = {model.id: model for model in client.list_models()}
    mini = models["gpt-4o-mini"]
    assert (mini.provider, mini.tier, mini.raw["context_window"]) == ("openai", "default", 128000)
    pricing = mini.raw["pricing"]
    assert pricing == pytest.approx({"input_per_1k": 0.00015, "output_per_1k": 0.0006})
    assert "routeplex-ai" not in models


def test_models_of_each_release_s_own_words(server, acme):
    visitors.forget()
    new = next(m for m in NEW.RoutePlex("x", base_url=server).list_models() if m.id == "gpt-4o-mini")
    old = next(m for m in OLD.RoutePlex("x", base_url=server).list_models() if m.id == "gpt-4o-mini")
    assert (new.max_output_tokens, new.health) == (16384, "healthy")
    assert (old.max_output, old.status) == (16384, "available")
    assert new.capabilities.vision and new.capabilities.functions


# --- streams


@pytest.mark.parametrize("mode", ["buffered", "realtime"])
def test_both_stream_modes(newest, provider, mode):
    provider.say("alpha", stream(*STREAM))
    start, *deltas, done = newest.chat_stream("Hi", model="alpha-1", stream_mode=mode)
    assert start.type == "start" and start.raw["request_id"].startswith("req_")
    assert {event.type for event in deltas} == {"delta"}
    assert "".join(event.content for event in deltas) == "Hello!"
    assert done.type == "done" and done.finish_reason == "stop"
    assert (done.model_used, done.provider) == ("alpha-1", "alpha")
    assert {name: done.usage[name] for name in EXPECTED} == EXPECTED
    assert done.usage["cost_usd"] > 0 and done.latency_ms >= 0


def test_a_stream_that_breaks_says_so_and_ends(newest, provider):
    provider.say("alpha", stream(*STREAM[:3], 0.3, cut=True))
    events = list(newest.chat_stream("Hi", model="alpha-1"))
    assert "".join(event.content for event in events if event.type == "delta") == "Hello!"
    assert events[-1].type == "error" and events[-1].error
    assert events[-1].raw["code"] == "provider_error"


def test_a_stream_that_cannot_begin_raises(newest):
    with pytest.raises(NEW.ValidationError):
        list(newest.chat_stream("Hi", model="no-such-model"))


# --- errors


def _raised(client, package, **more):
    with pytest.raises(package.RoutePlexError) as raised:
        client.chat(**{"messages": "Hi", "model": "alpha-1", **more})
    return raised.value


def test_authentication(package, server, acme):
    error = _raised(package.RoutePlex("rp_live_nonsense", base_url=server), package)
    assert type(error) is package.AuthenticationError
    assert (error.code, error.status) == ("invalid_api_key", 401)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"messages": []}, "empty_messages"),
        ({"model": "no-such-model"}, "invalid_model"),
        ({"model": None, "strategy": "cheapest"}, "validation_error"),
        ({"temperature": 3}, "validation_error"),
        ({"max_output_tokens": 0}, "validation_error"),
        ({"messages": [{"role": "nobody", "content": "Hi"}]}, "validation_error"),
    ],
)
def test_validation(client, package, more, code):
    error = _raised(client, package, **more)
    assert type(error) is package.ValidationError and error.code == code


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        ({"error": {"message": "Refused.", "code": "content_filter"}}, 400, "ContentPolicyError", "content_policy_violation"),
        ({"error": {"message": "No.", "code": "moderation_blocked"}}, 400, "ContentPolicyError", "content_moderation_flagged"),
        ({"error": {"message": "No such thing."}}, 400, "ValidationError", "bad_request"),
    ],
)
def test_what_the_provider_refuses(client, package, provider, body, status, kind, code):
    provider.say("alpha", whole(body, status))
    error = _raised(client, package)
    assert type(error) is getattr(package, kind) and error.code == code


def test_every_model_failed(client, package, provider):  # whom nobody told what to say is broken
    error = _raised(client, package)
    assert type(error) is package.ProviderError
    assert (error.code, error.status) == ("all_providers_failed", 502)
    assert len(error.details["attempts"]) == 3


@pytest.mark.parametrize(
    ("unit", "period", "code"),
    [
        ("usd", "day", "daily_cost_limit_exceeded"),
        ("tokens", "day", "daily_limit_exceeded"),
        ("usd", "month", "quota_exceeded"),
    ],
)
def test_budgets(client, package, acme, unit, period, code):
    amount = "0.000001" if unit == "usd" else "1"
    Budget.objects.create(tenant=acme.tenant, amount=Decimal(amount), period=period, unit=unit)
    error = _raised(client, package)
    assert type(error) is package.RateLimitError and error.code == code


def test_an_expired_key(package, server, acme):
    acme.row.expires_at = timezone.now() - timedelta(days=1)
    acme.row.save()
    error = _raised(package.RoutePlex(acme.key, base_url=server), package)
    assert type(error) is package.AuthenticationError and error.code == "expired_api_key"


def test_a_picture_in_a_private_network(client, package):
    picture = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    error = _raised(client, package, messages=[{"role": "user", "content": [picture]}])
    assert type(error) is package.ContentPolicyError and error.code == "blocked_url"


def test_rate_limits(client, package, acme, provider):
    Limit.objects.create(tenant=acme.tenant, requests_per_minute=1)
    provider.say("alpha", whole(ANSWER))
    client.chat("Hi", model="alpha-1")
    error = _raised(client, package)
    assert type(error) is package.RateLimitError
    assert error.code == "rate_limited" and error.details["retry_after"] > 0
