"""What belongs to everybody: the workspace's name, its time zone, its strategy, and how long what is kept."""

from __future__ import annotations

import logging
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit
from accounts.models import Membership, Tenant
from dashboard.widgets import LongSelect
from gateway.export import lines
from gateway.retention import forget_tenant

AT_ONCE_S = 5.0  # spent on deleting before the page answers
log = logging.getLogger("routeplex.workspace")


class WorkspaceForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = ("name", "time_zone", "keep_requests_days", "keep_contents_days")
        labels = {  # noqa: RUF012
            "keep_requests_days": "Keep requests for days",
            "keep_contents_days": "Keep prompts and answers for days",
        }
        help_texts = {  # noqa: RUF012
            "time_zone": "Days and months of budgets, charts and invoices are counted in it.",
            "keep_contents_days": "0: they are not kept at all. What is kept is encrypted; owners and admins may read it, "
            "and each reading stands in the audit log.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        zones = [(zone, zone) for zone in sorted(available_timezones())]
        told = self.fields["time_zone"].help_text
        self.fields["time_zone"] = forms.ChoiceField(choices=zones, widget=LongSelect, help_text=told)


class DeleteForm(forms.Form):
    name = forms.CharField(label="Its name, to be sure", widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        self._name = name
        super().__init__(*args, **{"auto_id": "delete_%s", **kwargs})

    def clean_name(self) -> str:
        if self.cleaned_data["name"].strip() != self._name.strip():
            raise forms.ValidationError("This is not its name. Nothing was deleted.")
        return self._name


@transaction.atomic
def page(request: HttpRequest, member: Membership) -> HttpResponse:
    tenant = Tenant.objects.get(pk=member.tenant_id)  # its own: the frame goes on showing what is saved
    form = WorkspaceForm(request.POST or None, instance=tenant)
    if request.method == "POST" and form.is_valid():
        form.save()
        audit.note(request, tenant, "tenant.changed", tenant.name, **audit.changes(form.initial, form.cleaned_data))
        messages.success(request, "Saved.")
        return redirect("workspace", tenant.slug)
    return _page(request, form)


def _page(request: HttpRequest, form: WorkspaceForm, delete_form: DeleteForm | None = None) -> HttpResponse:
    return render(request, "dashboard/workspace.html", {"form": form, "delete_form": delete_form or DeleteForm(name="")})


@require_POST
def export(request: HttpRequest, member: Membership) -> StreamingHttpResponse:
    """Everything, as it is read from the database: no page waits until all of it is there."""
    audit.note(request, member.tenant, "tenant.exported", member.tenant.name)
    name = f"routeplex-{member.tenant.slug}-{timezone.now():%Y-%m-%d}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines(member.tenant), content_type="application/jsonl", headers=headers)


@require_POST
def delete(request: HttpRequest, member: Membership) -> HttpResponse:
    """At once nobody gets in any more; what takes longer to delete goes with gateway/retention.py."""
    form = DeleteForm(request.POST, name=member.tenant.name)
    if not form.is_valid():
        return _page(request, WorkspaceForm(instance=member.tenant), form)
    name = member.tenant.name
    forget_tenant(member.tenant_id, run_s=AT_ONCE_S)
    log.warning("tenant %s was deleted by %s", member.tenant_id, member.user.email)
    messages.success(request, f"{name} is deleted.")
    return redirect("home")
