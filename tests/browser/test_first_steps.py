"""A newcomer's first minutes: sign up, make a key, send a request, see where it went; lock the key."""

from __future__ import annotations

import re

import openai
import pytest

from tests.browser.conftest import looked_at, sign_in

PASSWORD = "correct horse battery staple"
QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]


def sign_up(page, email, workspace):
    page.goto("/")
    page.get_by_role("link", name="Create an account").first.click()
    looked_at(page)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Workspace").fill(workspace)
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("heading", name="Start").wait_for()
    return re.search(r"/t/\w+", page.url)[0]


def ask(client, **more):
    return client.chat.completions.create(model="routeplex-ai", messages=QUESTION, **more)


def mails(product):
    return [file.read_text() for file in product.mail.iterdir()] if product.mail.exists() else []


def until(page, true):
    for _ in range(240):
        if true():
            return
        page.wait_for_timeout(250)
    raise AssertionError("it did not come to that")


def test_welcome_and_a_refused_sign_in(page, product):
    page.goto("/")
    looked_at(page)
    page.goto("/sign-in")
    looked_at(page)
    page.get_by_label("Email").fill(product.email)
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").wait_for()
    looked_at(page)
    assert "/sign-in" in page.url and page.get_by_label("Email").input_value() == product.email


def test_from_nothing_to_a_revoked_key(page, product):
    """Sign up → key → request with the OpenAI SDK → its decision appears by itself → another strategy, and it is seen → the
    budget runs out → alert by mail → revoke → 401."""
    narrow = page.viewport_size["width"] < 500
    root = sign_up(page, f"ada-{narrow}@example.com", "Initech")
    looked_at(page)
    page.get_by_text("Waiting for your first request").wait_for()
    page.get_by_role("button", name="Make a key").click()
    token = page.locator("#token").inner_text()
    page.get_by_text("Python", exact=True).click()
    assert token in page.locator("#code-python").inner_text() and page.locator("#code-curl").is_hidden()
    looked_at(page)

    client = openai.OpenAI(base_url=product.base_url, api_key=token, max_retries=0)
    answer = client.chat.completions.create(model="routeplex-ai", messages=QUESTION)
    page.get_by_text("Why this model").wait_for()
    assert answer.x_routeplex["model"] in page.locator("#first").inner_text()
    assert answer.x_routeplex["request_id"] in page.locator("#first").inner_text()
    looked_at(page)

    assert answer.x_routeplex["strategy"] == "auto"
    page.goto(f"{root}/routing")
    page.get_by_label("Default strategy").select_option("cost")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".notice-success").wait_for()
    until(page, lambda: ask(client).x_routeplex["strategy"] == "cost")
    page.goto(f"{root}/requests")
    page.locator("#rows tr").first.get_by_text("cost", exact=True).wait_for()
    looked_at(page)

    page.goto(f"{root}/budgets")
    page.get_by_label("Amount").fill("0.0005")
    page.get_by_role("button", name="Set the budget").click()
    page.get_by_role("status").get_by_text("gateways know").wait_for()
    with pytest.raises(openai.RateLimitError, match="budget"):
        for _ in range(400):
            ask(client, max_tokens=64)
    until(page, lambda: any(f"ada-{narrow}@".lower() in text and "budget" in text for text in mails(product)))
    page.reload()
    looked_at(page)

    page.goto(f"{root}/keys")
    page.get_by_role("link", name="first key").click()
    page.get_by_role("button", name="Revoke…").click()
    looked_at(page)
    page.get_by_role("button", name="Revoke the key").click()
    page.get_by_role("status").get_by_text("is revoked").wait_for()
    with pytest.raises(openai.AuthenticationError):
        for _ in range(60):
            client.models.list()
            page.wait_for_timeout(250)
    page.goto(f"{root}/audit")
    assert page.get_by_text("revoked the key").is_visible()


def test_an_invited_colleague_comes_in_and_changes_nothing(opened, product):
    owner, colleague = opened(), opened("dark-narrow")
    root = sign_up(owner, "grace@example.com", "Hopper")
    owner.goto(f"{root}/members")
    owner.get_by_label("E-mail address").fill("linus@example.com")
    owner.get_by_label("Role", exact=True).select_option("viewer")
    owner.get_by_role("button", name="Send the invitation").click()
    owner.get_by_text("linus@example.com is invited").wait_for()
    texts = [file.read_text() for file in product.mail.iterdir()]
    link = next(m[0] for text in texts if "linus@" in text and (m := re.search(r"http://\S+/invitations/\S+", text)))
    colleague.goto(link)
    looked_at(colleague)
    colleague.get_by_role("link", name="Create an account").click()
    colleague.get_by_label("Password", exact=True).fill(PASSWORD)
    colleague.get_by_role("button", name="Create the account").click()
    colleague.get_by_role("heading", name="Start").wait_for()
    assert colleague.url.endswith(f"{root}/start")
    colleague.get_by_role("button", name="Open the navigation").click()
    assert not colleague.get_by_role("link", name="Credentials").is_visible()
    assert colleague.goto(f"{root}/credentials").status == 403
    looked_at(colleague)


def test_without_javascript_it_works_as_well(opened, product):
    page = opened(java_script_enabled=False)
    sign_in(page, product.email, product.password)
    root = re.search(r"/t/\w+", page.url)[0]
    page.goto(f"{root}/start")
    page.get_by_role("button", name="Make a key").click()
    assert page.locator("#token").inner_text().startswith("rp_live_")
    assert page.locator("#code-node").is_visible(), "no tabs without a script: all is shown"
    page.goto(f"{root}/keys/new")
    page.get_by_label("Name").fill("without a script")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_text("I have stored it").click()
    page.get_by_role("heading", name="without a script").wait_for()


def test_light_and_dark_can_be_chosen(opened, product):
    page = opened("light-wide")
    sign_in(page, product.email, product.password)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("summary", has_text=product.email).click()
    page.get_by_role("button", name="Dark").click()
    page.wait_for_function(f"{background} !== '{light}'")
    page.locator("summary", has_text=product.email).click()
    page.get_by_role("button", name="As the system").click()
    page.wait_for_function(f"{background} === '{light}'")
    assert page.evaluate(background) == light


def test_a_passkey_opens_the_door(opened, product):
    """On `localhost`: browsers know no passkey for an address."""
    page = opened(base_url=product.url.replace("127.0.0.1", "localhost"))
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    sign_up(page, "passkey@example.com", "Keyless")
    page.goto("/accounts/2fa/webauthn/add/")
    if page.get_by_role("heading", name="Confirm Access").count():
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Passwordless").check()
    looked_at(page)
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(re.compile("2fa/(?!webauthn/add)"))
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("heading", name="Start").wait_for()
