"""Is this key good? The provider is asked for the list of its models, by its own SDK, once and for a few seconds.

Nothing of what it says is passed on: a text from elsewhere could say anything, and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from routing.types import ProviderFacts

TIMEOUT_S = 8.0


class Answer(Struct, frozen=True):
    """`told`: why it was not taken, in our words."""

    taken: bool
    refused: bool = False
    told: str = ""


TAKEN = Answer(True)
REFUSED = Answer(False, True, "The provider refuses this key. Is it complete, and not revoked?")


def check(provider: ProviderFacts, base_url: str, secret: str) -> Answer:
    """Waits up to TIMEOUT_S: for pages, never for requests."""
    ask = _BY_DIALECT[provider.dialect]
    try:
        ask(base_url, secret)
    except Exception as error:  # the SDKs raise dozens of kinds, some of them not their own
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        if status in (401, 403) or (status == 400 and provider.dialect == "google"):  # Google says 400 of a key that is none
            return REFUSED
        if isinstance(status, int):
            return Answer(False, told=f"{provider.display_name} answered {status}.")
        return Answer(False, told=f"{provider.display_name} could not be reached.")
    return TAKEN


def _openai(base_url: str, secret: str) -> None:
    import openai

    with openai.OpenAI(base_url=base_url, api_key=secret, timeout=TIMEOUT_S, max_retries=0) as client:
        client.models.list()


def _anthropic(base_url: str, secret: str) -> None:
    import anthropic

    with anthropic.Anthropic(base_url=base_url, api_key=secret, timeout=TIMEOUT_S, max_retries=0) as client:
        client.models.list(limit=1)


def _google(base_url: str, secret: str) -> None:
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=base_url, api_version="v1beta", timeout=int(TIMEOUT_S * 1000))
    client = genai.Client(api_key=secret, http_options=options)
    try:
        client.models.list(config={"page_size": 1})
    finally:
        client.close()


_BY_DIALECT: Mapping[str, Callable[[str, str], None]] = {"openai": _openai, "anthropic": _anthropic, "google": _google}
