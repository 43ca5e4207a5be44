"""Keys of the workspace's own at providers: checked when they are saved, sealed, never shown again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import access, audit, bringing
from accounts.credentials import base_url_of
from accounts.models import Membership
from gateway.checking import Answer, check
from routing.snapshot import catalog


class CredentialForm(forms.Form):
    provider = forms.ChoiceField()
    secret = forms.CharField(
        max_length=500,
        label="API key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="It is asked for the list of its models, then sealed. Nobody can read it again, you included.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        providers = [(p.name, p.display_name) for p in catalog().providers.values() if p.key_setting]
        self.fields["provider"].choices = providers  # type: ignore[attr-defined]

    def clean_secret(self) -> str:
        secret = str(self.cleaned_data["secret"]).strip()
        if not secret.isascii() or not secret.isprintable() or " " in secret:
            raise forms.ValidationError("This is no key: it has signs that no key has.")
        return secret


def page(request: HttpRequest, member: Membership) -> HttpResponse:
    return _page(request, member, CredentialForm())


def _page(request: HttpRequest, member: Membership, form: CredentialForm) -> HttpResponse:
    own, providers = {c.provider: c for c in access.credentials_of(member)}, catalog().providers
    rows = [(providers[name].display_name if name in providers else name, credential) for name, credential in own.items()]
    return render(request, "dashboard/credentials.html", {"rows": rows, "form": form})


@sensitive_post_parameters("secret")
@require_POST
def save(request: HttpRequest, member: Membership) -> HttpResponse:
    """Where the provider refuses it, it is not kept; where the provider cannot be asked now, it is, and the page says so."""
    form = CredentialForm(request.POST)
    if not form.is_valid():
        return _page(request, member, form)
    facts, secret = catalog().providers[form.cleaned_data["provider"]], form.cleaned_data["secret"]
    answer = check(facts, base_url_of(facts), secret)
    if answer.refused:
        form.add_error("secret", answer.told)
        return _page(request, member, form)
    _keep(request, member, facts.name, secret, answer)
    if answer.taken:
        messages.success(request, f"{facts.display_name} has taken the key. Your requests use it within two seconds.")
    else:
        messages.warning(request, f"The key is saved, but not checked: {answer.told}")
    return redirect("credentials", member.tenant.slug)


@transaction.atomic
def _keep(request: HttpRequest, member: Membership, provider: str, secret: str, answer: Answer) -> None:
    credential = bringing.keep(member.tenant, provider, secret, by=member.user, taken=answer.taken)
    audit.note(request, member.tenant, "credential.saved", provider, last4=credential.last4, checked=answer.taken)


@require_POST
@transaction.atomic
def remove(request: HttpRequest, member: Membership, pk: UUID) -> HttpResponse:
    credential = access.credential_for(member, pk)
    audit.note(request, member.tenant, "credential.removed", credential.provider, last4=credential.last4)
    bringing.remove(credential)
    messages.success(request, "The key is deleted. Your requests use the platform's again, where it has one.")
    return redirect("credentials", member.tenant.slug)
