"""The platform's keys at the providers: saved here, sealed, or set in the environment. Whoever brings their own uses that."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import audit, bringing
from accounts.credentials import base_url_of, endpoint
from accounts.models import PlatformCredential
from dashboard.credentials import CredentialForm
from gateway import operating
from gateway.checking import check
from routing.snapshot import catalog


def page(request: HttpRequest) -> HttpResponse:
    return _page(request, CredentialForm())


def _page(request: HttpRequest, form: CredentialForm) -> HttpResponse:
    saved = {row.provider: row for row in PlatformCredential.objects.all()}
    models = [model.provider for model in catalog().models.values()]
    rows: list[dict[str, Any]] = []
    for name, facts in sorted(catalog().providers.items(), key=lambda item: item[1].display_name.lower()):
        row = {"facts": facts, "models": models.count(name), "saved": saved.get(name), "url": base_url_of(facts)}
        rows.append(row | _reached(facts))
    rows.sort(key=lambda row: row["how"] == "not")
    return render(request, "dashboard/operator/providers.html", {"rows": rows, "form": form})


def _reached(facts: Any) -> dict[str, str]:
    """How requests reach it: with a key saved here, of the environment, without one, in the sandbox, or not."""
    where = endpoint(facts, test=False)
    if where is None or where.sandbox:
        return {"how": "not" if where is None else "sandbox"}
    if PlatformCredential.objects.filter(provider=facts.name).exists():
        return {"how": "saved"}
    return {"how": "environment" if facts.key_setting and settings.PROVIDER_SECRET(facts.key_setting) else "keyless"}


@sensitive_post_parameters("secret")
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """As tenants save theirs: one that the provider refuses is not kept."""
    form = CredentialForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    facts, secret = catalog().providers[form.cleaned_data["provider"]], form.cleaned_data["secret"]
    answer = check(facts, base_url_of(facts), secret)
    if answer.refused:
        form.add_error("secret", answer.told)
        return _page(request, form)
    with transaction.atomic():
        credential = bringing.keep_platform(facts.name, secret, taken=answer.taken)
        audit.operated(request, "credential.saved", facts.name, last4=credential.last4, checked=answer.taken)
    operating.refresh()
    if answer.taken:
        messages.success(request, f"{facts.display_name} has taken the key. Every gateway uses it within two seconds.")
    else:
        messages.warning(request, f"The key is saved, but not checked: {answer.told}")
    return redirect("operator_providers")


@require_POST
def remove(request: HttpRequest, provider: str) -> HttpResponse:
    with transaction.atomic():
        credential = get_object_or_404(PlatformCredential, provider=provider)
        audit.operated(request, "credential.removed", provider, last4=credential.last4)
        credential.delete()
    operating.refresh()
    messages.success(request, "The key is deleted. The environment's is used again, where there is one.")
    return redirect("operator_providers")
