"""A tenant's own key at a provider: used before the platform's, for nobody else, sealed, on no invoice; it harms no other."""

import time
from datetime import UTC, datetime

import pytest

from accounts.credentials import OWN, seal_secret
from accounts.models import Credential
from gateway.checking import check
from routing.snapshot import catalog, health
from tests import upstream as scripted
from tests.gateway.conftest import ANSWER

SECRET = "sk-their-own-1234"


@pytest.fixture
def own(acme):
    """Acme brings a key at alpha."""
    credential = Credential(tenant=acme.tenant, provider="alpha")
    seal_secret(credential, SECRET)
    credential.save()
    return credential


def sent(provider):
    return [request.headers.get("authorization") for request in provider.requests]


def test_it_is_used_instead_of_the_platform_s(ask, provider, own):
    provider.say("alpha", scripted.whole(ANSWER))
    assert ask().choices[0].message.content == "Hello!"
    assert sent(provider) == [f"Bearer {SECRET}"]


def test_it_is_nobody_else_s(server, ask, provider, own, acme):
    import openai

    from accounts.keys import create_key
    from tests.factories import TenantFactory

    _, key = create_key(TenantFactory(name="Other"), "theirs")
    provider.say("alpha", scripted.whole(ANSWER))
    with openai.OpenAI(base_url=f"{server}/v1", api_key=key, max_retries=0) as client:
        client.chat.completions.create(model="alpha/alpha-1", messages=[{"role": "user", "content": "Hi"}])
    assert SECRET not in str(sent(provider))


def test_a_gateway_hears_of_it_within_seconds(ask, provider, acme):
    provider.say("alpha", *[scripted.whole(ANSWER)] * 200)
    ask()
    credential = Credential(tenant=acme.tenant, provider="alpha")
    seal_secret(credential, SECRET)
    credential.save()
    end = time.monotonic() + 15
    while f"Bearer {SECRET}" not in sent(provider):
        assert time.monotonic() < end
        time.sleep(0.1)
        ask()


def test_it_is_sealed_and_opens_in_its_place_only(own, acme):
    from accounts import envelopes
    from accounts.credentials import secrets_of
    from tests.factories import TenantFactory

    assert SECRET.encode() not in bytes(own.sealed_secret)
    assert secrets_of(acme.tenant)["alpha"].secret == SECRET
    stolen = Credential(tenant=TenantFactory(), provider="alpha", sealed_secret=bytes(own.sealed_secret))
    stolen.save()
    assert secrets_of(stolen.tenant) == {}
    from accounts.credentials import about

    with pytest.raises(envelopes.Unreadable):
        envelopes.unseal(bytes(stolen.sealed_secret), about(stolen))


def test_it_is_in_no_text_of_a_caller(own, acme):
    from accounts.keys import recognise

    caller = recognise(acme.key)
    assert caller.secrets["alpha"].secret == SECRET and SECRET not in repr(caller)


def test_what_it_spends_is_counted_and_not_billed(ask, provider, own, acme, logged):
    from decimal import Decimal

    from gateway.invoices import invoices_of
    from gateway.models import LedgerEntry

    provider.say("alpha", scripted.whole(ANSWER))
    ask()
    (row,) = logged(tenant=acme.tenant)
    assert row.cost_usd > 0 and SECRET not in str(row.attempts)
    assert LedgerEntry.objects.get(tenant=acme.tenant).own_credential
    today = datetime.now(UTC).date()
    invoices = [i for i in invoices_of(today) if i.tenant_id == str(acme.tenant.pk)]
    assert sum((i.cost_usd for i in invoices), Decimal(0)) == 0


def test_its_limit_is_not_the_model_s(ask, provider, own):
    """A 429 of their account lets everybody else go on at once."""
    provider.say("alpha", scripted.whole({"error": {"message": "slow down"}}, 429, retry_after="30"))
    provider.say("beta", *[scripted.whole(ANSWER)] * 3)
    ask()
    assert not any(target.startswith("alpha/") for target in health.ill)
    assert any(target.startswith(f"credential {OWN}") for target in health.ill)


def test_one_that_is_refused_shuts_nobody_out(ask, provider, own):
    provider.say("alpha", scripted.whole({"error": {"message": "no"}}, 401))
    provider.say("beta", scripted.whole(ANSWER))
    ask()
    assert "credential alpha" not in health.ill and not any(target.startswith("alpha/") for target in health.ill)


# --- the check


MODELS = {
    "openai": {"object": "list", "data": []},
    "anthropic": {"data": [], "has_more": False, "first_id": None, "last_id": None},
    "google": {"models": []},
}
REFUSALS = {"openai": 401, "anthropic": 401, "google": 400}


@pytest.mark.parametrize("name", MODELS)
def test_a_good_key_is_taken(provider, server, name):
    provider.say("check", scripted.whole(MODELS[name]))
    answer = check(catalog().providers[name], f"{provider.url}/check" + ("/v1" if name == "openai" else ""), SECRET)
    assert answer.taken
    assert SECRET in str(provider.requests[0].headers) and "models" in provider.requests[0].path


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_key_is_refused_in_our_words(provider, server, name):
    provider.say(
        "check",
        scripted.whole({"error": {"message": f"{SECRET} is wrong", "code": 400, "status": "INVALID_ARGUMENT"}}, REFUSALS[name]),
    )
    answer = check(catalog().providers[name], f"{provider.url}/check", SECRET)
    assert answer.refused and SECRET not in answer.told


@pytest.mark.parametrize("reply", [scripted.whole({"error": {}}, 503), scripted.HANG_UP])
def test_a_provider_that_is_away_says_nothing_of_a_key(provider, server, reply):
    provider.say("check", reply)
    answer = check(catalog().providers["openai"], f"{provider.url}/check", SECRET)
    assert not answer.taken and not answer.refused and "OpenAI" in answer.told
