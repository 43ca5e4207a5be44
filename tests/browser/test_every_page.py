"""Every page of the table, as an owner sees it: light and dark, wide and narrow, with a keyboard and without eyes."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import LOOKS, looked_at, sign_in

OTHERS = (
    "/new",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/accounts/password/reset/",
    "/t/nowhere/start",
)
BELOW = ("keys/new", "keys/management", "keys/management/new", "webhooks/new")


@pytest.fixture(scope="module")
def state(browser, product, tmp_path_factory):
    """Cookies of the owner."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    sign_in(page, product.email, product.password)
    kept = tmp_path_factory.mktemp("state") / "state.json"
    context.storage_state(path=kept)
    context.close()
    return kept


@pytest.mark.parametrize("look", [*LOOKS, "dark-wide", "light-narrow"])
def test_each_page_is_good_to_use(opened, state, look):
    page = opened(look, storage_state=state)
    page.goto("/")
    root = re.search(r"/t/\w+", page.url)[0]
    links = page.locator("#side a.side-link")
    paths = [link.get_attribute("href") for link in links.all()]
    assert len(paths) >= 9
    for path in (*paths, *(f"{root}/{name}" for name in BELOW), *OTHERS):
        page.goto(path)
        looked_at(page)


@pytest.mark.parametrize("look", [*LOOKS, "dark-wide", "light-narrow"])
def test_each_of_the_operator_s_pages_is_good_to_use(opened, state, look):
    page = opened(look, storage_state=state)
    page.goto("/operator")
    links = page.locator("#side a.side-link")
    paths = [link.get_attribute("href") for link in links.all()]
    assert len(paths) >= 8
    page.goto("/operator/tenants")
    tenant = page.locator("tbody a").first.get_attribute("href")
    for path in (*paths, tenant, "/operator/models/openai/gpt-4o/change"):
        page.goto(path)
        if not path.startswith("/admin"):  # Unfold's own
            looked_at(page)


def test_the_api_s_reference_comes_from_here(opened, state):
    page = opened("light-wide", storage_state=state)
    page.goto("/api/docs")
    page.get_by_role("heading", name="calling").wait_for()
    assert page.get_by_role("heading", name="routing").is_visible()
    page.goto("/api/reference")
    page.get_by_role("heading", name="Ask models, in OpenAI's format").first.wait_for()
    assert "/v1/chat/completions" in page.inner_text("body")


def test_the_menus_are_reached_with_the_keyboard(opened, state):
    page = opened("light-narrow", storage_state=state)
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#side").get_by_role("link", name="Members").wait_for()
    looked_at(page)
    page.keyboard.press("Escape")
    page.locator("#side").get_by_role("link", name="Members").wait_for(state="hidden")


def test_a_page_is_light_on_the_wire(opened, state):
    """Below 150 kB with all that it loads."""
    page = opened(storage_state=state)
    sizes = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 4 and sum(sizes) < 150_000, sum(sizes)
