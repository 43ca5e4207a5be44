"""How people come in: sign-up, a proven address, an invitation, a second factor; and what keeps others out."""

import base64
import re

import pytest
from django.core import mail
from django.urls import reverse

from accounts.models import Invitation, Membership, User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
NEW = {"email": "new@example.com", "password1": PASSWORD}


def link_in(message):
    return re.search(r"http://\S+?(/\S+)", message.body)[1]


def invited(acme, email="new@example.com", role="member"):
    """The link that this person gets by mail."""
    acme.at("admin").post(reverse("member_invite", args=[acme.slug]), {"email": email, "role": role})
    message = mail.outbox.pop()
    assert message.to == [email]
    return link_in(message)


def test_whoever_signs_up_owns_a_workspace(client):
    answer = client.post("/sign-up", {**NEW, "workspace": "Initech"}, follow=True)
    member = User.objects.get(email="new@example.com").memberships.get()
    assert (member.tenant.name, member.role) == ("Initech", "owner")
    assert answer.redirect_chain[-1][0] == f"/t/{member.tenant.slug}/start"
    assert [entry.what for entry in member.tenant.audit_entries.all()] == ["tenant.created"]


def test_an_address_is_proven_by_a_code_where_that_is_asked(client, settings):
    settings.VERIFY_EMAIL, settings.ACCOUNT_EMAIL_VERIFICATION, settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = (
        True,
        "mandatory",
        True,
    )
    answer = client.post("/sign-up", NEW, follow=True)
    assert client.get("/new").status_code == 302, "nobody is signed in yet"
    code = re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", mail.outbox[-1].body, re.M)[1]
    where = answer.redirect_chain[-1][0]
    assert b"code" in client.post(where, {"code": "000000"}).content.lower()
    client.post(where, {"code": code})
    assert client.get("/").url.startswith("/t/")


def test_sign_up_can_be_closed(client, settings):
    settings.SIGN_UP = "invited"
    assert b"Sign-up is closed" in client.get("/sign-up").content
    client.post("/sign-up", NEW)
    assert not User.objects.exists()
    assert b"Create an account" not in client.get("/").content


def test_an_invitation_opens_a_closed_sign_up_for_its_address(client, acme, settings):
    settings.SIGN_UP = "invited"
    link = invited(acme)
    page = client.get(link)
    assert b"Join Acme" in page.content
    assert b"new@example.com" in client.get("/sign-up?email=new@example.com").content
    client.post("/sign-up", {**NEW, "email": "other@example.com"})
    assert not User.objects.filter(email="other@example.com").exists()
    client.post("/sign-up", NEW)
    member = User.objects.get(email="new@example.com").memberships.get()
    assert (member.tenant, member.role) == (acme.tenant, "member")
    assert client.get(acme.root, follow=True).status_code == 200


def test_who_came_by_an_invitation_has_proven_the_address(client, acme, settings):
    settings.VERIFY_EMAIL, settings.ACCOUNT_EMAIL_VERIFICATION, settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = (
        True,
        "mandatory",
        True,
    )
    client.get(invited(acme))
    client.post("/sign-up", NEW)
    assert client.get(f"{acme.root}/start").status_code == 200


def test_who_has_an_account_joins_with_it_once(acme):
    client, link = acme.at("stranger"), invited(acme, "charlie@example.com", "admin")
    assert b"Join as admin" in client.get(link).content
    assert client.post(link).url == acme.root
    assert Membership.objects.get(tenant=acme.tenant, user=acme.stranger).role == "admin"
    assert client.get(link).status_code == 404
    assert acme.tenant.audit_entries.filter(what="member.joined", who="charlie@example.com").count() == 1


def test_an_invitation_is_for_its_address_only(acme):
    client, link = acme.at("stranger"), invited(acme, "somebody@example.com")
    assert b"You are signed in as charlie@example.com" in client.get(link).content
    client.post(link)
    assert not Membership.objects.filter(tenant=acme.tenant, user=acme.stranger).exists()


def test_an_invitation_ends(acme, client):
    from datetime import timedelta

    from django.utils import timezone

    link = invited(acme)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(link).status_code == 404
    link, other = invited(acme), invited(acme)
    assert client.get(link).status_code == 404, "a newer one takes its place"
    assert client.get(other).status_code == 200
    acme.at("admin").post(reverse("invitation_withdraw", args=[acme.slug, Invitation.objects.get().pk]))
    assert client.get(other).status_code == 404


def test_what_opens_an_invitation_is_not_in_the_database(acme):
    token = invited(acme).rsplit("/", 1)[1]
    row = Invitation.objects.values().get()
    assert token not in str(row)


def test_members_are_not_invited_again(acme):
    page = acme.at("admin").post(reverse("member_invite", args=[acme.slug]), {"email": "Viewer@Example.com", "role": "member"})
    assert b"is a member already" in page.content and not mail.outbox


def test_nobody_sends_mail_to_the_whole_world(acme):
    from accounts import invitations

    for number in range(invitations.MOST):
        invitations.invite(acme.member("owner"), f"{number}@example.com", "viewer")
    page = acme.at("admin").post(reverse("member_invite", args=[acme.slug]), {"email": "one@example.com", "role": "viewer"})
    assert b"withdraw some first" in page.content and not mail.outbox


def test_roles_change_and_people_go(acme):
    admin, viewer = acme.at("admin"), acme.member("viewer")
    admin.post(reverse("member_role", args=[acme.slug, viewer.pk]), {"role": "member"})
    assert acme.member("viewer").role == "member"
    admin.post(reverse("member_remove", args=[acme.slug, viewer.pk]))
    assert acme.at("viewer").get(f"{acme.root}/start").status_code == 404
    told = acme.tenant.audit_entries.order_by("id").values_list("what", "subject")
    assert list(told) == [("member.role_changed", "viewer@example.com"), ("member.removed", "viewer@example.com")]


def test_a_second_factor_is_asked_for_and_its_secret_is_sealed(acme, client):
    from allauth.mfa.adapter import get_adapter
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import (
        TOTP,
        format_hotp_value,
        generate_totp_secret,
        hotp_value,
        yield_hotp_counters_from_time,
    )

    secret = generate_totp_secret()
    TOTP.activate(acme.people["owner"], secret)
    stored = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in stored and secret.encode() not in base64.b64decode(stored)
    assert get_adapter().decrypt(stored) == secret
    answer = client.post("/sign-in", {"login": "owner@example.com", "password": PASSWORD})
    assert "2fa" in answer.url and client.get(f"{acme.root}/start").status_code == 302
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    client.post(answer.url, {"code": code})
    assert client.get(f"{acme.root}/start").status_code == 200


def test_a_password_is_reset_by_mail(acme, client):
    client.post(reverse("account_reset_password"), {"email": "owner@example.com"})
    page = client.get(link_in(mail.outbox[-1]), follow=True)
    assert b"Password" in page.content


def test_nobody_learns_who_has_an_account(acme, client):
    """The same answer whether there is such a person or not; the person is told by mail."""
    known = client.post(reverse("account_reset_password"), {"email": "owner@example.com"})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@example.com"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


@pytest.mark.parametrize(
    "name",
    ["account_email", "account_change_password", "mfa_index", "mfa_view_recovery_codes", "usersessions_list", "account_logout"],
)
def test_the_account_s_pages_stand_in_the_frame(acme, name):
    page = acme.at("owner").get(reverse(name), follow=True)
    assert page.status_code == 200 or name == "mfa_view_recovery_codes"
    assert b"routeplex.css" in page.content


def test_second_factors_outlive_a_new_encryption_key(acme, settings):
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP
    from django.core.management import call_command

    from accounts.factors import unseal

    TOTP.activate(acme.people["owner"], "JBSWY3DPEHPK3PXP")
    codes = RecoveryCodes.activate(acme.people["owner"]).get_unused_codes()
    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["another key of more than 32 characters", *old]
    call_command("rewrap")
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert unseal(Authenticator.objects.get(type="totp").data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes() == codes


def test_guessing_a_password_ends_soon_whichever_process_is_asked(acme):
    """Attempts are counted in the database: each of these clients might be another process."""
    from django.core.cache import cache
    from django.test import Client

    cache.clear()
    said = {"login": "owner@example.com", "password": "wrong"}
    answers = [Client().post("/sign-in", said).content.decode() for _ in range(8)]
    assert "Too many failed login attempts" in answers[-1] and "Too many" not in answers[0]
    cache.clear()
