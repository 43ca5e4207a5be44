"""Secrets are put into the running product at every door, and then everything that it wrote is searched for them."""

from __future__ import annotations

import re
import signal
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from accounts.keys import mint
from tests import upstream as scripted
from tests.conftest import _free_port
from tests.dev.test_dev import running

pytestmark = pytest.mark.timeout(170)

PROMPT, COMMENT, PASSWORD = "canary prompt 5f1c9a", "canary comment 7e2b4d", "canary-password-81d3f0"
OURS, THEIRS, WRONG = "sk-canary-platform-0a9b8c7d", "sk-canary-tenant-1f2e3d4c", mint()
GIVEN = ("demo.json", "secrets.json")  # what bin/dev itself hands to whoever starts it, and keeps for the next start


def token_of(page: str) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


def sign_in(browser: httpx.Client, email: str, password: str) -> httpx.Response:
    page = browser.get("/sign-in").text
    return browser.post("/sign-in", data={"login": email, "password": password, "csrfmiddlewaretoken": token_of(page)})


def sent(browser: httpx.Client, path: str, page: str, **said: str) -> httpx.Response:
    token = token_of(browser.get(page).text)
    return browser.post(path, data={**said, "csrfmiddlewaretoken": token}, headers={"referer": str(browser.base_url)})


def asked(browser: httpx.Client, key: str, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
    headers = {"authorization": f"Bearer {key}", "idempotency-key": f"once-{time.monotonic_ns()}"}
    return browser.post("/v1/chat/completions", json=body, headers=headers)


def found_in(folder: Path, secrets: dict[str, str]) -> list[tuple[str, str]]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in GIVEN]
    assert {"routeplex.sqlite3", "gateway.log", "recorder.log", "worker.log"} <= {path.name for path in files}
    return [
        (name, str(path.relative_to(folder)))
        for path in files
        for name, secret in secrets.items()
        if secret.encode() in path.read_bytes()
    ]


def test_nothing_that_it_writes_has_a_secret_in_it(tmp_path, provider):
    state, port = tmp_path / "var", _free_port()
    refused = scripted.whole({"error": {"message": f"{OURS} and {PROMPT} are not welcome"}}, 401)
    provider.say("openai", *[refused] * 20)
    more = {"OPENAI_API_KEY": OURS, "OPENAI_BASE_URL": f"{provider.url}/openai/v1"}
    with running(state, port, **more) as (process, demo, _):
        root = demo["base_url"].removesuffix("/v1")
        with httpx.Client(base_url=root, timeout=60, follow_redirects=True) as browser:
            ask = partial(asked, browser, demo["api_key"])
            answers = [ask(model) for model in ("openai/gpt-4o", "routeplex-ai", "anthropic/claude-sonnet-4-5")]
            assert answers[-1].status_code == 200 and OURS not in "".join(answer.text for answer in answers)
            assert asked(browser, WRONG, "routeplex-ai").status_code == 401
            said = {"request_id": answers[-1].headers["x-request-id"], "thumb": "down", "comment": COMMENT}
            told = browser.post("/v1/feedback", json=said, headers={"authorization": f"Bearer {demo['api_key']}"})
            assert told.status_code == 200
            sign_in(browser, demo["email"], PASSWORD)
            sign_in(browser, demo["email"], demo["password"])
            workspace = browser.get("/").url.path.rsplit("/", 1)[0]
            page = sent(browser, f"{workspace}/webhooks/new", f"{workspace}/webhooks/new", url="http://127.0.0.1:9/hook").text
            hook = re.search(r"whsec_[A-Za-z0-9+/=]+", page)[0]
            provider.replies["openai"].clear()
            provider.say("openai", scripted.whole({"object": "list", "data": []}), *[refused] * 5)
            page = sent(browser, f"{workspace}/credentials/save", f"{workspace}/credentials", provider="openai", secret=THEIRS)
            assert THEIRS not in page.text and "…3d4c" in page.text
            ask("openai/gpt-4o")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    secrets = {
        "the API key": demo["api_key"],
        "a key that is none of ours": WRONG,
        "the prompt": PROMPT,
        "the comment": COMMENT,
        "the platform's key": OURS,
        "the tenant's key": THEIRS,
        "the password": demo["password"],
        "a wrong password": PASSWORD,
        "the webhook's secret": hook.removeprefix("whsec_"),
    }
    assert found_in(state, secrets) == []
    logged = {path for _, path in found_in(state, {"the request": said["request_id"]})}
    assert "log/recorder.log" in logged, "the search finds what is there"
