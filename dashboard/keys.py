"""API keys: made and shown once, bounded, rotated without cutting anybody off, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import access, audit, rotation
from accounts.keys import create_key
from accounts.models import ApiKey, Membership, User
from accounts.roles import Action, may
from dashboard.key_forms import KeyForm, NewKeyForm, RotateForm
from dashboard.start import base_url
from gateway.spending import spendings_of


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    keys = list(access.api_keys_of(member))
    now = timezone.now()
    live = [key for key in keys if key.revoked_at is None and (key.expires_at is None or key.expires_at > now)]
    context = {"keys": live, "gone": [key for key in keys if key not in live], "form": NewKeyForm(tenant=member.tenant)}
    return render(request, "dashboard/keys.html", context)


@never_cache
@transaction.atomic
def make(request: HttpRequest, member: Membership) -> HttpResponse:
    form = NewKeyForm(request.POST or None, tenant=member.tenant)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        row, token = create_key(member.tenant, form.cleaned_data["name"], test=form.cleaned_data["test"], created_by=request.user)
        form.put_on(row, bounds=may(member.role, Action.MANAGE_BUDGETS))
        audit.note(request, member.tenant, "key.created", row, **{name: said for name, said in _told(row).items() if said})
        return _shown(request, row, token, "made")
    return render(request, "dashboard/key_new.html", {"form": form})


def one(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    return _one(request, member, access.api_key_for(member, pk))


@require_POST
@transaction.atomic
def change(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    key = access.api_key_for(member, pk)
    access.insist_on_key(member, key)
    form = KeyForm(request.POST, tenant=member.tenant, key=key)
    if not form.is_valid():
        return _one(request, member, key, form)
    before = _told(key)
    form.put_on(key, bounds=may(member.role, Action.MANAGE_BUDGETS))
    audit.note(request, member.tenant, "key.changed", key, **audit.changes(before, _told(key)))
    messages.success(request, f"{key.name} is changed. Gateways know within two seconds.")
    return redirect("key", member.tenant.slug, key.pk)


@never_cache
@require_POST
@transaction.atomic
def rotate(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    key = access.api_key_for(member, pk)
    access.insist_on_key(member, key)
    form = RotateForm(request.POST)
    if key.revoked_at is not None or not form.is_valid():
        messages.error(request, "A revoked key cannot be rotated." if key.revoked_at else "Say how long the old one stays good.")
        return redirect("key", member.tenant.slug, key.pk)
    hours = int(form.cleaned_data["overlap"])
    token = rotation.rotate(key, timedelta(hours=hours))
    audit.note(request, member.tenant, "key.rotated", key, overlap_hours=hours)
    return _shown(request, key, token, "rotated")


@require_POST
@transaction.atomic
def revoke(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    key = access.api_key_for(member, pk)
    access.insist_on_key(member, key)
    key.revoke()
    audit.note(request, member.tenant, "key.revoked", key)
    messages.success(request, f"{key.name} is revoked. Within two seconds nobody gets in with it.")
    return redirect("keys", member.tenant.slug)


def _one(request: HttpRequest, member: Membership, key: ApiKey, form: KeyForm | None = None) -> HttpResponse:
    own = key.created_by_id == member.user_id
    context = {
        "key": key,
        "form": form or KeyForm(tenant=member.tenant, key=key),
        "rotate_form": RotateForm(),
        "retired": key.retired_secrets.filter(expires_at__gt=timezone.now()),
        "spendings": [s for s in spendings_of([member.tenant]) if s.key_id == str(key.pk)],
        "may_change": may(member.role, Action.MAKE_KEYS if own else Action.MANAGE_KEYS) and key.revoked_at is None,
    }
    return render(request, "dashboard/key.html", context)


def _shown(request: HttpRequest, key: ApiKey, token: str, done: str) -> HttpResponse:
    """The one time that the key itself is on a page."""
    return render(request, "dashboard/key_shown.html", {"key": key, "token": token, "done": done, "base_url": base_url(request)})


def _told(key: ApiKey) -> Mapping[str, Any]:
    """What an audit entry says of a key."""
    limit = key.limits.filter(model="").first()
    budgets = key.budgets.filter(ended_at=None).order_by("period", "unit")
    return {
        "name": key.name,
        "scope": key.scope,
        "models": list(key.allowed_models),
        "strategy": key.default_strategy,
        "slider": key.tradeoff,
        "expires": key.expires_at.isoformat() if key.expires_at else "",
        **{size: limit and getattr(limit, size) for size in ("requests_per_minute", "tokens_per_minute", "running")},
        "budget": ", ".join(f"{b.amount.normalize():f} {b.get_unit_display()} a {b.period}" for b in budgets),
    }
