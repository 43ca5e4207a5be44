"""Who is here, on which plan, with which traffic; and a visit to one of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import audit, impersonation
from accounts.models import Plan, Tenant
from accounts.plans import put_on
from gateway import platform, usage
from gateway.invoices import markup_of
from gateway.spending import spendings_of

SHOWN = 50


class PlanForm(forms.Form):
    plan = forms.ModelChoiceField(Plan.objects.order_by("name"), required=False, empty_label="none")
    markup_percent = forms.DecimalField(
        min_value=0, max_digits=6, decimal_places=2, required=False, label="Markup, percent", help_text="Empty: the plan's."
    )


class VisitForm(forms.Form):
    role = forms.ChoiceField(
        choices=(("viewer", "look: sees what a viewer sees"), ("admin", "help: may do what an admin may")), label="To"
    )
    reason = forms.CharField(max_length=200, help_text="The tenant's owners read it in their audit log.")


def page(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    until = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = Tenant.objects.select_related("plan").annotate(
        people=Count("memberships", distinct=True), keys=Count("api_keys", filter=Q(api_keys__revoked_at=None), distinct=True)
    )
    if wanted:
        person = Q(memberships__user__email__icontains=wanted)
        found = found.filter(Q(name__icontains=wanted) | Q(slug=wanted) | person).distinct()
    shown = Paginator(found.order_by("name", "pk"), SHOWN).get_page(request.GET.get("page"))
    busy = {one.tenant.pk: one for one in platform.by_tenant(until - timedelta(days=7), until)}
    rows = [{"tenant": tenant, "week": busy.get(tenant.pk)} for tenant in shown]
    return render(request, "dashboard/operator/tenants.html", {"shown": shown, "rows": rows, "q": wanted})


def one(request: HttpRequest, slug: str) -> HttpResponse:
    return _one(request, _found(slug))


def _found(slug: str) -> Tenant:
    return get_object_or_404(Tenant.objects.select_related("plan"), slug=slug)


def _one(request: HttpRequest, tenant: Tenant, **forms_with_errors: Any) -> HttpResponse:
    until = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = until - timedelta(days=30)
    context = {
        "tenant": tenant,
        "totals": usage.totals(tenant, since, until),
        "shares": usage.shares(tenant, since, until, "model")[:5],
        "spendings": spendings_of([tenant]),
        "markup": markup_of(tenant),
        "people": tenant.memberships.select_related("user").order_by("created_at"),
        "plan_form": PlanForm(initial={"plan": tenant.plan, "markup_percent": tenant.markup_percent}),
        "visit_form": VisitForm(),
    } | forms_with_errors
    return render(request, "dashboard/operator/tenant.html", context)


@require_POST
def set_plan(request: HttpRequest, slug: str) -> HttpResponse:
    tenant, form = _found(slug), PlanForm(request.POST)
    if not form.is_valid():
        return _one(request, tenant, plan_form=form)
    before = {"plan": str(tenant.plan or ""), "markup_percent": str(tenant.markup_percent or "")}
    with transaction.atomic():
        tenant.markup_percent = form.cleaned_data["markup_percent"]
        plan = form.cleaned_data["plan"]
        if plan is not None and plan != tenant.plan:
            put_on(tenant, plan)
        tenant.plan = plan
        tenant.save()
        after = {"plan": str(plan or ""), "markup_percent": str(tenant.markup_percent or "")}
        audit.operated(request, "tenant.plan_changed", tenant, **audit.changes(before, after))
    messages.success(request, f"{tenant} is on {plan or 'no plan'}.")
    return redirect("operator_tenant", slug)


@require_POST
@transaction.atomic
def shut(request: HttpRequest, slug: str) -> HttpResponse:
    """Shut out: every key is refused, nobody opens its pages; nothing is deleted. Or let in again."""
    tenant = _found(slug)
    tenant.is_active = not tenant.is_active
    tenant.save(update_fields=["is_active", "changed_at"])
    audit.operated(request, "tenant.opened" if tenant.is_active else "tenant.closed", tenant)
    told = "is let in again" if tenant.is_active else "is shut out: its keys are refused within two seconds"
    messages.success(request, f"{tenant} {told}.")
    return redirect("operator_tenant", slug)


@require_POST
def visit(request: HttpRequest, slug: str) -> HttpResponse:
    tenant, form = _found(slug), VisitForm(request.POST)
    if not form.is_valid():
        return _one(request, tenant, visit_form=form)
    role, reason = form.cleaned_data["role"], form.cleaned_data["reason"]
    with transaction.atomic():
        setattr(request, audit.IMPERSONATED, True)
        audit.note(request, tenant, "operator.came", reason, role=role)
        audit.operated(request, "tenant.entered", tenant, role=role, reason=reason)
        impersonation.begin(request.session, tenant, role, reason)
    return redirect("overview", slug)


@require_POST
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    if impersonation.end(request.session) is not None:
        tenant = _found(slug)
        with transaction.atomic():
            setattr(request, audit.IMPERSONATED, True)
            audit.note(request, tenant, "operator.left")
            audit.operated(request, "tenant.left", tenant)
    return redirect("operator_tenant", slug)
