"""Messages: written with what they tell of, delivered once to each, tried again, given up; webhooks as receivers verify them."""

from __future__ import annotations

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook as Judge

from accounts import notices
from accounts.models import Message, Webhook
from accounts.webhooks import new_secret, seal_secret, secret_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver():
    """A tenant's server: what it got, and what it answers next (200 when nothing is said)."""
    got, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got, answers
    server.shutdown()
    server.server_close()


def hooked(tenant, url, *events):
    webhook, secret = Webhook(tenant=tenant, url=url, events=list(events)), new_secret()
    seal_secret(webhook, secret)
    webhook.save()
    return webhook, secret


def told(tenant, event="budget.threshold_reached"):
    return notices.tell(tenant, event, {"share_percent": 80}, subject="80 %", text="Four fifths are used.")


def due_now():
    Message.objects.update(due_at=timezone.now())


def test_owners_and_admins_get_a_mail_and_members_do_not(acme):
    assert told(acme.tenant) == 1
    assert notices.deliver() == 1
    assert [(m.to, m.subject) for m in mail.outbox] == [(["alice@example.com"], "80 %")]
    assert notices.deliver() == 0, "once"


def test_a_webhook_can_be_verified_by_others_code(acme, receiver):
    url, got, _ = receiver
    _, secret = hooked(acme.tenant, url)
    told(acme.tenant)
    notices.deliver()
    [(headers, body)] = got
    heard = Judge(secret).verify(body, headers)
    assert heard["type"] == "budget.threshold_reached"
    assert heard["data"] == {"share_percent": 80}
    assert heard["tenant_id"] == str(acme.tenant.pk)


def test_only_events_that_were_asked_for(acme, receiver):
    url, got, _ = receiver
    hooked(acme.tenant, url, "something.else")
    told(acme.tenant)
    notices.deliver()
    assert got == []


def test_a_refused_webhook_is_tried_again_later_with_the_same_id(acme, receiver):
    url, got, answers = receiver
    hooked(acme.tenant, url)
    answers += [500, 302]
    told(acme.tenant)
    notices.deliver()
    message = Message.objects.get(kind="webhook")
    assert (message.state, message.tries, message.last_status) == ("waiting", 1, 500)
    assert message.due_at > timezone.now() + timedelta(seconds=5)
    notices.deliver()
    assert len(got) == 1, "not before its time"
    due_now()
    notices.deliver()
    assert Message.objects.get(kind="webhook").last_status == 302, "a redirect is not followed"
    due_now()
    assert notices.deliver() == 1
    assert len({headers["webhook-id"] for headers, _ in got}) == 1 and len(got) == 3


def test_after_a_day_it_is_given_up(acme, receiver):
    url, _, answers = receiver
    hooked(acme.tenant, url)
    told(acme.tenant)
    answers += [500] * 20
    for _ in range(len(notices.AGAIN) + 3):
        due_now()
        notices.deliver()
    message = Message.objects.get(kind="webhook")
    assert (message.state, message.tries) == ("given_up", len(notices.AGAIN) + 1)
    assert sum(notices.AGAIN, timedelta()) > timedelta(hours=20)


def test_a_message_that_somebody_else_claimed_is_left_alone(acme):
    told(acme.tenant)
    stale = Message.objects.get()
    Message.objects.update(due_at=timezone.now() + notices.CLAIMED)
    assert notices._deliver(stale) is False
    assert mail.outbox == []


def test_an_address_inside_is_not_called(acme, receiver, settings):
    url, got, _ = receiver
    settings.WEBHOOKS_ALLOWED_NETWORKS = []
    hooked(acme.tenant, url)
    told(acme.tenant)
    notices.deliver()
    assert got == []
    assert "inside a network" in Message.objects.get(kind="webhook").last_problem


def test_a_secret_is_sealed_and_belongs_to_its_webhook(acme, receiver):
    webhook, secret = hooked(acme.tenant, receiver[0])
    assert secret.encode() not in bytes(webhook.sealed_secret)
    assert secret_of(Webhook.objects.get()) == secret


def test_a_server_that_is_gone_is_a_problem_and_no_crash(acme):
    hooked(acme.tenant, "http://127.0.0.1:9/hook")
    told(acme.tenant)
    notices.deliver()
    assert "no answer" in Message.objects.get(kind="webhook").last_problem


def test_what_was_delivered_is_forgotten_after_its_time(acme):
    told(acme.tenant)
    notices.deliver()
    assert notices.forget_old() == 0
    Message.objects.update(created_at=timezone.now() - notices.KEPT - timedelta(days=1))
    assert notices.forget_old() == 1


def test_the_snippet_of_the_documentation_verifies_what_we_send(acme, receiver):
    from pathlib import Path

    url, got, _ = receiver
    _, secret = hooked(acme.tenant, url)
    told(acme.tenant)
    notices.deliver()
    [(headers, body)] = got
    text = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    snippet = text.partition("## Webhooks")[2].partition("```python\n")[2].partition("```")[0]
    names: dict = {}
    exec(snippet, names)
    assert names["genuine"](secret, headers, body)
    assert not names["genuine"](secret, headers, body + b" ")
