"""bin/screenshots: every page as a person sees it, on a product of its own, filled through its own front door."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.processes import free_port, say

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"wide": (1280, 800), "narrow": (390, 800)}
SCHEMES = ("light", "dark")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
VISITOR = {"welcome": "/", "sign-in": "/sign-in", "sign-up": "/sign-up", "password-reset": "/accounts/password/reset/"}
PERSON = {
    "account-email": "/accounts/email/",
    "account-password": "/accounts/password/change/",
    "account-two-factor": "/accounts/2fa/",
    "account-totp": "/accounts/2fa/totp/activate/",
    "account-passkey": "/accounts/2fa/webauthn/add/",
    "account-sessions": "/accounts/sessions/",
    "workspace-new": "/new",
    "not-found": "/t/nowhere/start",
}
QUESTIONS = ("Why is the sky blue?", "Write a haiku about rain.", "Prove that there are infinitely many primes.", "¿Qué hora es?")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "screenshots")
    parser.add_argument(
        "--demo", type=Path, help="demo.json of a product that runs; by default one is started, and stopped again"
    )
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with _product(options.demo) as demo:
        _take(demo, options.out, options.only)
    say(f"pictures are in {options.out}")


@contextmanager
def _product(running: Path | None) -> Iterator[dict[str, str]]:
    if running is not None:
        yield json.loads(running.read_text("utf-8"))
        return
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, "VAR_DIR": state, "PORT": str(free_port()), "DJANGO_SETTINGS_MODULE": "gateway.settings"}
        process = subprocess.Popen([sys.executable, "-m", "dev"], env=env, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            next(line for line in process.stdout if "RoutePlex is up" in line)
            yield json.loads((Path(state) / "demo.json").read_text("utf-8"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _take(demo: Mapping[str, str], out: Path, only: str) -> None:
    from playwright.sync_api import sync_playwright

    url = demo["base_url"].removesuffix("/v1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        visitor, person = browser.new_context(base_url=url), browser.new_context(base_url=url)
        _sign_in(person.new_page(), demo)
        _confirm(person.pages[0], demo)
        paths = {**_furnished(person.new_page(), demo), **PERSON}
        for scheme in SCHEMES:
            for size, (width, height) in SIZES.items():
                for context, names in ((visitor, VISITOR), (person, paths)):
                    page = context.new_page()
                    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                    page.set_viewport_size({"width": width, "height": height})
                    for name, path in names.items():
                        if only in name:
                            page.goto(path)
                            page.screenshot(path=str(out / f"{name}-{scheme}-{size}.png"), full_page=True)
                    page.close()
        browser.close()


def _sign_in(page: Any, demo: Mapping[str, str]) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(demo["email"])
    page.get_by_label("Password", exact=True).fill(demo["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("navigation", name="Workspace").wait_for()


def _confirm(page: Any, demo: Mapping[str, str]) -> None:
    """Second factors are shown to whoever has just said their password again."""
    page.goto(PERSON["account-totp"])
    page.get_by_label("Password", exact=True).fill(demo["password"])
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="Activate Authenticator App").wait_for()


def _furnished(page: Any, demo: Mapping[str, str]) -> dict[str, str]:
    """A workspace with something on each page; where its pages are."""
    page.goto("/")
    root = page.url.rsplit("/", 1)[0].split("/", 3)[3]
    before = {"start-waiting": f"/{root}/start"}
    if not page.goto(f"/{root}/webhooks").ok or not page.get_by_role("region", name="Webhooks").count():
        _furnish(page, f"/{root}")
    for question in QUESTIONS:
        _ask(demo, question)
    page.goto(f"/{root}/requests")
    links = page.get_by_role("navigation", name="Workspace").locator("a.side-link")
    paths = {link.get_attribute("href").rsplit("/", 1)[1]: link.get_attribute("href") for link in links.all()}
    page.goto(f"/{root}/keys")
    key = page.get_by_role("region", name="API keys").get_by_role("link", name="website").first.get_attribute("href")
    page.wait_for_timeout(1500)  # the recorder
    page.goto("/operator/tenants")
    tenant = page.get_by_role("region", name="Tenants").get_by_role("link").first.get_attribute("href")
    navigation = page.get_by_role("navigation", name="Operator").locator("a.side-link")
    hrefs = [str(link.get_attribute("href")) for link in navigation.all()]
    operators = {f"operator-{href.rsplit('/', 1)[1]}": href for href in hrefs if href.startswith("/operator")}
    operators |= {"operator-tenant": tenant, "operator-model": "/operator/models/openai/gpt-4o/change"}
    return {**paths, **operators, "key": key, "key-new": f"/{root}/keys/new", "webhook-new": f"/{root}/webhooks/new", **before}


def _furnish(page: Any, root: str) -> None:
    for name, budget in (("website", "20"), ("nightly batch", "")):
        page.goto(f"{root}/keys/new")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Budget in USD").fill(budget)
        page.get_by_role("button", name="Make the key").click()
        page.get_by_text("I have stored it").wait_for()
    page.goto(f"{root}/budgets")
    page.get_by_label("Amount").fill("250")
    page.get_by_role("button", name="Set the budget").click()
    page.goto(f"{root}/members")
    for email, role in (("ada@example.com", "admin"), ("grace@example.com", "member")):
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Role", exact=True).select_option(role)
        page.get_by_role("button", name="Send the invitation").click()
        page.get_by_text(f"{email} is invited").wait_for()
    page.goto(f"{root}/webhooks/new")
    page.get_by_label("Address").fill("http://127.0.0.1:9/hooks/routeplex")
    page.get_by_role("button", name="Add the webhook").click()
    page.get_by_text("I have stored it").click()
    page.get_by_role("button", name="Send a ping").click()


def _ask(demo: Mapping[str, str], question: str) -> None:
    body = json.dumps({"model": "routeplex-ai", "messages": [{"role": "user", "content": question}]}).encode()
    headers = {"Authorization": f"Bearer {demo['api_key']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{demo['base_url']}/chat/completions", body, headers)
    urllib.request.urlopen(request, timeout=60).close()


if __name__ == "__main__":
    main()
