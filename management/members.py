"""Members, their roles, and who is invited."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from msgspec import Struct

from accounts import access, audit, invitations, members
from accounts.members import LastOwner, insist_on_role
from accounts.models import Invitation, Membership
from accounts.roles import Action
from gateway.errors import Conflict
from gateway.operations import Asked, Listed, Operations, operation
from management.changing import checked
from management.fields import Email, Role, Time
from management.paging import Paging, page_of


class Member(Struct, kw_only=True):
    id: int
    email: str
    name: str
    role: Role
    created_at: Time


class RoleChange(Struct, kw_only=True, forbid_unknown_fields=True):
    role: Role


class Invited(Struct, kw_only=True):
    """`sent`: whether the mail could be sent."""

    id: UUID
    email: str
    role: Role
    invited_by: str | None
    created_at: Time
    expires_at: Time
    sent: bool | None = None


class NewInvitation(Struct, kw_only=True, forbid_unknown_fields=True):
    email: Email
    role: Role = "member"


class Members(Operations):
    @operation("list_members", "Members, newest first", scope="members:read", query=Paging, answer=Member, listed=True)
    def get(self, asked: Asked) -> Listed:
        return page_of(access.members_of(asked.of), asked.query, told)


class OneMember(Operations):
    @operation("get_member", "One member", scope="members:read", answer=Member)
    def get(self, asked: Asked, member_id: int) -> Member:
        return told(access.member_for(asked.of, member_id))

    @operation(
        "change_role",
        "Give a member another role",
        scope="members:write",
        needs=Action.MANAGE_MEMBERS,
        body=RoleChange,
        answer=Member,
        edits=True,
    )
    def patch(self, asked: Asked, member_id: int) -> Member:
        other, role = access.member_for(asked.of, member_id), asked.body.role
        before = other.role
        with _kept_an_owner():
            members.change_role(asked.of, other, role)
        if role != before:
            audit.note(asked.request, asked.tenant, "member.role_changed", other.user.email, role={"from": before, "to": role})
        return told(other)

    @operation("remove_member", "Remove a member, or leave", scope="members:write", needs=Action.SEE, status=204, edits=True)
    def delete(self, asked: Asked, member_id: int) -> None:
        other = access.member_for(asked.of, member_id)
        with _kept_an_owner():
            members.remove(asked.of, other)
        audit.note(asked.request, asked.tenant, "member.removed", other.user.email)


class Invitations(Operations):
    @operation(
        "list_invitations", "Invitations that wait for an answer", scope="members:read", query=Paging, answer=Invited, listed=True
    )
    def get(self, asked: Asked) -> Listed:
        return page_of(access.invitations_of(asked.of), asked.query, invited)

    @operation(
        "invite",
        "Invite somebody by mail",
        scope="members:write",
        needs=Action.MANAGE_MEMBERS,
        body=NewInvitation,
        answer=Invited,
        status=201,
        creates=True,
    )
    def post(self, asked: Asked) -> Invited:
        insist_on_role(asked.of, asked.body.role)
        with checked("email"):
            row, token = invitations.invite(asked.of, asked.body.email, asked.body.role)
        audit.note(asked.request, asked.tenant, "member.invited", row.email, role=row.role)
        return _sent(row, token)


class OneInvitation(Operations):
    @operation(
        "renew_invitation",
        "Send an invitation again, good for another week",
        scope="members:write",
        needs=Action.MANAGE_MEMBERS,
        answer=Invited,
    )
    def post(self, asked: Asked, invitation_id: UUID) -> Invited:
        row = access.invitation_for(asked.of, invitation_id)
        insist_on_role(asked.of, row.role)
        token = invitations.renew(row)
        audit.note(asked.request, asked.tenant, "member.invited", row.email, role=row.role, again=True)
        return _sent(row, token)

    @operation("withdraw_invitation", "Withdraw an invitation", scope="members:write", needs=Action.MANAGE_MEMBERS, status=204)
    def delete(self, asked: Asked, invitation_id: UUID) -> None:
        row = access.invitation_for(asked.of, invitation_id)
        audit.note(asked.request, asked.tenant, "member.uninvited", row.email)
        row.delete()


@contextlib.contextmanager
def _kept_an_owner() -> Any:
    try:
        yield
    except LastOwner as error:
        raise Conflict(str(error)) from None


def _sent(row: Invitation, token: str) -> Invited:
    found = invited(row)
    try:
        invitations.send(row, str(settings.PUBLIC_URL) + reverse("invitation", args=[token]))
        found.sent = True
    except OSError:
        found.sent = False
    return found


def told(row: Membership) -> Member:
    return Member(id=row.pk, email=row.user.email, name=row.user.name, role=row.role, created_at=row.created_at)  # type: ignore[arg-type]


def invited(row: Invitation) -> Invited:
    same = {name: getattr(row, name) for name in ("id", "email", "role", "created_at", "expires_at")}
    return Invited(**same, invited_by=row.invited_by.email if row.invited_by else None)
