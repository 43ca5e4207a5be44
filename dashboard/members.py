"""Who is here, in which role, and who is invited."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts import access, audit, invitations, members
from accounts.members import LastOwner, insist_on_role, roles_for
from accounts.models import Invitation, Membership
from accounts.roles import PROMISES, ROLES
from dashboard import links


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(initial="member")

    def __init__(self, *args: object, member: Membership, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["role"].choices = [(role, role) for role in roles_for(member)]  # type: ignore[attr-defined]


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    return _page(request, member, InviteForm(member=member))


def _page(request: HttpRequest, member: Membership, form: InviteForm) -> HttpResponse:
    context = {
        "people": access.members_of(member),
        "invitations": access.invitations_of(member),
        "form": form,
        "roles": roles_for(member),
        "promises": [(role, PROMISES[role]) for role in reversed(ROLES)],
    }
    return render(request, "dashboard/members.html", context)


@require_POST
def invite(request: HttpRequest, member: Membership) -> HttpResponse:
    form = InviteForm(request.POST, member=member)
    if not form.is_valid():
        return _page(request, member, form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    try:
        with transaction.atomic():
            invitation, token = invitations.invite(member, email, role)
            audit.note(request, member.tenant, "member.invited", invitation.email, role=role)
    except ValidationError as error:
        form.add_error("email", error)
        return _page(request, member, form)
    _send(request, invitation, token)
    return redirect("members", member.tenant.slug)


@require_POST
def send_again(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    invitation = access.invitation_for(member, pk)
    insist_on_role(member, invitation.role)
    with transaction.atomic():
        token = invitations.renew(invitation)
        audit.note(request, member.tenant, "member.invited", invitation.email, role=invitation.role, again=True)
    _send(request, invitation, token)
    return redirect("members", member.tenant.slug)


@require_POST
@transaction.atomic
def withdraw(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    invitation = access.invitation_for(member, pk)
    audit.note(request, member.tenant, "member.uninvited", invitation.email)
    invitation.delete()
    messages.success(request, f"The invitation of {invitation.email} opens nothing any more.")
    return redirect("members", member.tenant.slug)


@require_POST
@transaction.atomic
def change_role(request: HttpRequest, member: Membership, pk: int) -> HttpResponse:
    other, role = access.member_for(member, pk), request.POST.get("role", "")
    before = other.role
    if role not in ROLES:
        raise PermissionDenied("There is no such role.")
    try:
        members.change_role(member, other, role)
    except LastOwner as error:
        messages.error(request, str(error))
    else:
        if role != before:
            audit.note(request, member.tenant, "member.role_changed", other.user.email, role={"from": before, "to": role})
            messages.success(request, f"{other.user.email} is {role} now.")
    return redirect("members", member.tenant.slug)


@require_POST
@transaction.atomic
def remove(request: HttpRequest, member: Membership, pk: int) -> HttpResponse:
    """Somebody else, or oneself: everybody may leave."""
    other = access.member_for(member, pk)
    leaves = other.pk == member.pk
    try:
        members.remove(member, other)
    except LastOwner as error:
        messages.error(request, str(error))
        return redirect("members", member.tenant.slug)
    audit.note(request, member.tenant, "member.removed", other.user.email)
    messages.success(request, f"You have left {member.tenant}." if leaves else f"{other.user.email} is no member any more.")
    return redirect("home") if leaves else redirect("members", member.tenant.slug)


def _send(request: HttpRequest, invitation: Invitation, token: str) -> None:
    try:
        invitations.send(invitation, links.absolute(request, "invitation", token))
    except OSError:
        messages.error(request, f"No mail can be sent to {invitation.email} now. Send it again later, or ask the operator.")
    else:
        messages.success(request, f"{invitation.email} is invited. The link in the mail is good for a week.")
