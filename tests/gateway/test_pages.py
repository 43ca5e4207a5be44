"""What a person sees: sign in, and the requests of one's own tenants."""

import pytest

from gateway.models import RequestLog

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(acme):
    from django.utils import timezone

    return RequestLog.objects.create(
        request_id="req_1", tenant=acme.tenant, api_key=acme.row, received_at=timezone.now(), status="ok", http_status=200,
        requested_model="routeplex-ai", model="openai/gpt-4o", attempts=[{}, {}],
    )  # fmt: skip


def test_a_visitor_is_told_what_this_is(client):
    page = client.get("/")
    assert page.status_code == 200
    assert b"One endpoint, every model." in page.content
    assert b"req_1" not in page.content


def test_the_owner_signs_in_and_sees_the_tenant_s_requests(client, acme, row):
    page = client.post("/sign-in", {"login": "alice@example.com", "password": "correct horse battery staple"}, follow=True)
    assert page.redirect_chain == [("/", 302)]
    assert b"req_1" in page.content
    assert b"openai/gpt-4o" in page.content
    assert b"2 attempts" in page.content


def test_a_member_sees_them_too(client, acme, row):
    client.force_login(acme.bob)
    assert b"req_1" in client.get("/").content


def test_a_stranger_does_not(client, acme, row):
    client.force_login(acme.charlie)
    page = client.get("/").content
    assert b"req_1" not in page
    assert b"Acme" not in page
    assert b"You belong to no tenant yet" in page


def test_a_wrong_password(client, acme):
    page = client.post("/sign-in", {"login": "alice@example.com", "password": "wrong"})
    assert page.status_code == 200
    assert b'role="alert"' in page.content


def test_nobody_signs_up_by_themselves_yet(client):
    assert b"closed" in client.get("/accounts/signup/").content.lower()


def test_no_page_loads_anything_from_elsewhere(client, acme):
    for path in ("/", "/sign-in"):
        answer = client.get(path)
        assert b"//" not in answer.content.replace(b"http://127.0.0.1", b"")
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_operator_s_admin_asks_for_staff(client, acme):
    client.force_login(acme.alice)
    assert client.get("/admin/").status_code == 302
    acme.alice.is_staff = acme.alice.is_superuser = True
    acme.alice.save()
    assert client.get("/admin/accounts/apikey/").status_code == 200
    assert client.get("/admin/gateway/requestlog/").status_code == 200


@pytest.fixture
def spent(acme):
    from datetime import timedelta
    from decimal import Decimal

    from django.utils import timezone

    from accounts.models import Budget
    from gateway.models import BudgetWindow

    budget = Budget.objects.create(tenant=acme.tenant, amount=Decimal("20"), period="month")
    now = timezone.now()
    return BudgetWindow.objects.create(
        budget=budget, starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1), spent=5 * 10**12, most=20 * 10**12
    )


def test_what_is_spent_of_a_budget_and_that_none_was_overrun(client, acme, spent):
    client.force_login(acme.bob)
    page = client.get("/").content.decode()
    assert "$5.0000" in page and "$20.00 a month" in page and "25 %" in page
    assert "Budgets overrun since this was installed: 0." in page


def test_a_stranger_sees_no_budget(client, acme, spent):
    client.force_login(acme.charlie)
    assert "$20.00" not in client.get("/").content.decode()
