"""A real browser on the real product: `bin/dev`, started once, on a state of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import _free_port

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LOOKS = ("light-wide", "dark-narrow")


@pytest.fixture(scope="session")
def product(tmp_path_factory: Any) -> Iterator[SimpleNamespace]:
    state: Path = tmp_path_factory.mktemp("var")
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and k not in ("DATABASE_URL", "REDIS_URL")}
    env = {**clean, "VAR_DIR": str(state), "PORT": str(_free_port()), "DJANGO_SETTINGS_MODULE": "gateway.settings"}
    process = subprocess.Popen([sys.executable, "-m", "dev"], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "RoutePlex is up" in line:
            break
    demo = json.loads((state / "demo.json").read_text())
    yield SimpleNamespace(url=demo["base_url"].removesuffix("/v1"), mail=state / "mail", **demo)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, product: SimpleNamespace) -> Iterator[Any]:
    """Opens pages, each in a browser of its own, that tolerate no console error and no request to another host."""
    contexts, problems = [], []

    def open_page(look: str = LOOKS[0], **more: Any) -> Page:
        scheme, width = look.split("-")
        size = {"width": 1280 if width == "wide" else 390, "height": 800}
        context = browser.new_context(**{"color_scheme": scheme, "viewport": size, "base_url": product.url, **more})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page, here = context.new_page(), more.get("base_url", product.url)
        page.on("console", lambda message: problems.append(message.text) if _bad(message) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: problems.append(r.url) if not r.url.startswith((here, "data:", f"blob:{here}")) else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def _bad(message: Any) -> bool:
    """Chromium writes an error for every answer of 4xx; a page that is not there is no fault of the page."""
    return bool(message.type == "error" and "status of 40" not in message.text)


@pytest.fixture(params=LOOKS)
def page(opened: Any, request: pytest.FixtureRequest) -> Page:
    found: Page = opened(request.param)
    return found


def looked_at(page: Page) -> None:
    """Nothing serious for those who cannot see or use a mouse; and it fits the screen."""
    page.wait_for_timeout(300)  # colours that change, change slowly
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert found == [], [(v["id"], v["nodes"][0]["html"]) for v in found]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{page.url} does not scroll sideways"


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1, name="Start").or_(page.get_by_role("heading", level=1, name="Requests")).wait_for()
