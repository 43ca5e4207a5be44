"""Management keys: for scripts that do what people do here. Made and shown once; revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import access, audit, management_keys
from accounts.models import Membership
from accounts.roles import PROMISES, ROLES
from accounts.scopes import OF_A_TENANT, ONLY_READ, ONLY_WRITE, TENANT_SCOPES
from dashboard.key_forms import end_of
from dashboard.start import base_url


class ManagementKeyForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="What it is for, such as “terraform” or “nightly report”.")
    role = forms.ChoiceField(help_text="At most; and never more than you may yourself at the time.")
    expires = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="It is good to the end of this day. Empty: for ever.",
    )
    scopes = forms.MultipleChoiceField(choices=[(scope, scope) for scope in TENANT_SCOPES])

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        self._member = member
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role, f"{role}: {PROMISES[role]}") for role in ROLES[: ROLES.index(member.role) + 1]
        ]

    def clean_expires(self) -> datetime | None:
        return end_of(self.cleaned_data["expires"], self._member.tenant)

    @property
    def offered(self) -> list[tuple[str, str, str]]:
        """What of each thing may be granted: its scopes to read and to write (empty: there is none), and what it is."""
        return [
            ("" if thing in ONLY_WRITE else f"{thing}:read", "" if thing in ONLY_READ else f"{thing}:write", told)
            for thing, told in OF_A_TENANT.items()
        ]

    @property
    def chosen(self) -> list[str]:
        return list(self.data.getlist("scopes")) if self.is_bound else []  # type: ignore[attr-defined]


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    keys = list(access.management_keys_of(member))
    now = timezone.now()
    live = [key for key in keys if key.revoked_at is None and (key.expires_at is None or key.expires_at > now)]
    return render(request, "dashboard/management_keys.html", {"keys": live, "gone": [key for key in keys if key not in live]})


@never_cache
@transaction.atomic
def make(request: HttpRequest, member: Membership) -> HttpResponse:
    form = ManagementKeyForm(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        row, token = management_keys.create(
            member.tenant, member.user, said["name"], role=said["role"], scopes=said["scopes"], expires_at=said["expires"]
        )
        audit.note(request, member.tenant, "management_key.created", row, role=row.role, scopes=row.scopes)
        root = base_url(request).removesuffix("/v1")
        return render(request, "dashboard/management_key_shown.html", {"key": row, "token": token, "root": root})
    return render(request, "dashboard/management_key_new.html", {"form": form})


@require_POST
@transaction.atomic
def revoke(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    key = access.management_key_for(member, pk)
    if management_keys.revoke(key):
        audit.note(request, member.tenant, "management_key.revoked", key)
    messages.success(request, f"{key.name} is revoked: it opens nothing any more.")
    return redirect("management_keys", member.tenant.slug)
