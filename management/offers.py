"""For operators: models and their prices, providers and the platform's keys there, how they stand and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from django.db import transaction
from django.utils import timezone
from msgspec import UNSET, Meta, Struct, UnsetType

from accounts import audit, bringing
from accounts.credentials import base_url_of
from accounts.models import PlatformCredential
from gateway import operating, standing
from gateway.errors import InvalidValue, NotFound
from gateway.operations import Asked, Listed, Operations, operation
from gateway.standing import WAYS, provider_of
from management.changing import said
from management.credentials import NewCredential, asked_provider, brought
from management.fields import Text, Time
from routing import overrides, repricing
from routing.catalog import CatalogError
from routing.prices import in_force
from routing.repricing import PRICES, dollars_of, facts_of
from routing.snapshot import catalog
from routing.types import Model

Rate = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", description="USD per million tokens.")]


class ModelTold(Struct, kw_only=True):
    """`price`: today's, USD per million tokens; `changed`: it differs from the catalogue's files."""

    id: str
    display_name: str
    provider: str
    quality: float
    tier: str
    deprecated: bool
    drained: bool
    context_tokens: int
    max_output_tokens: int
    price: Mapping[str, str]
    changed: bool


class NewPrice(Struct, kw_only=True, forbid_unknown_fields=True):
    """`starts`: a day (UTC), today or later: what has been spent stays as it was charged."""

    input: Rate
    output: Rate
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    starts: date | None = None


class ModelChange(Struct, kw_only=True, forbid_unknown_fields=True):
    """`deprecated`: never chosen by itself; `drained`: takes no new request."""

    quality: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    tier: Literal["default", "premium"] | UnsetType = UNSET
    deprecated: bool | UnsetType = UNSET
    drained: bool | UnsetType = UNSET
    price: NewPrice | UnsetType = UNSET


class ProviderTold(Struct, kw_only=True):
    """`reached`: live, sandbox, or empty where it is not; `credential_last4`: of the key that is saved here, not of one that the
    environment has."""

    name: str
    display_name: str
    dialect: str
    base_url: str
    reached: str
    drained: bool
    credential_last4: str | None
    credential_checked_at: Time | None


class TargetTold(Struct, kw_only=True):
    """A model, or a provider's credential, as the gateway that answers sees it."""

    name: str
    state: str
    drained: bool
    told: str
    error_share: float
    first_token_ms: float | None
    ms_per_token: float | None


class HealthTold(Struct, kw_only=True):
    provider: str
    reached: str
    drained: bool
    credential: TargetTold | None
    models: Sequence[TargetTold]


class Turn(Struct, kw_only=True, forbid_unknown_fields=True):
    """`target`: a provider or a model. `open`: no requests for so many minutes; `close`: taken for well; `drain`: no new requests
    until `let_in`."""

    target: Text
    way: Literal["open", "close", "drain", "let_in"]
    minutes: Annotated[int, Meta(ge=1, le=60)] = 5


class Models(Operations):
    @operation("list_platform_models", "Models, as the catalogue has them", scope="platform:read", answer=ModelTold, listed=True)
    def get(self, asked: Asked) -> Listed:
        changed = overrides.stored()
        return Listed([model_told(model, model.id in changed) for model in catalog().models.values()])


class OneModel(Operations):
    @operation("get_platform_model", "One model", scope="platform:read", answer=ModelTold)
    def get(self, asked: Asked, model_id: str) -> ModelTold:
        return model_told(_model(model_id), model_id in overrides.stored())

    @operation(
        "change_model",
        "Change a model: its prior quality, tier, price, or drain it",
        description="Every gateway knows within two seconds. What is not named goes on following the catalogue's files.",
        scope="platform:write",
        body=ModelChange,
        answer=ModelTold,
        atomic=False,
    )
    def patch(self, asked: Asked, model_id: str) -> ModelTold:
        model, wanted = _model(model_id), dict(said(asked.body))
        facts = facts_of(model) | {name: wanted[name] for name in facts_of(model) if name in wanted}
        try:
            with transaction.atomic():
                repricing.change(model, facts | _price(wanted.get("price")))
                audit.operated(asked.request, "catalog.changed", model.id, **audit.changes(facts_of(model), facts))
            operating.refresh()
        except CatalogError as error:
            raise InvalidValue(str(error), param="price") from None
        return self.get.method(self, asked, model_id)  # type: ignore[attr-defined,no-any-return]

    @operation("reset_model", "As the catalogue's files have it", scope="platform:write", answer=ModelTold, atomic=False)
    def delete(self, asked: Asked, model_id: str) -> ModelTold:
        model = _model(model_id)
        with transaction.atomic():
            overrides.put(model.id, {})
            audit.operated(asked.request, "catalog.changed", model.id, reset=True)
        operating.refresh()
        return self.get.method(self, asked, model_id)  # type: ignore[attr-defined,no-any-return]


def _price(price: NewPrice | None) -> dict[str, Any]:
    if price is None:
        return {"input": "", "starts": None}
    if price.starts is not None and price.starts < timezone.now().date():
        raise InvalidValue("A price cannot begin before today.", param="price.starts")
    return {name: getattr(price, name) or "" for name in PRICES} | {"starts": price.starts}


def _model(model_id: str) -> Model:
    model = catalog().models.get(model_id)
    if model is None:
        raise NotFound("There is no such model.")
    return model


def model_told(model: Model, changed: bool) -> ModelTold:
    same = {name: getattr(model, name) for name in ModelTold.__struct_fields__ if name not in ("price", "changed")}
    price = {name: usd for name, usd in dollars_of(in_force(model, timezone.now().date())).items() if usd}
    return ModelTold(**same, price=price, changed=changed)


# --- providers


class Providers(Operations):
    @operation("list_providers", "Providers, and how they are reached", scope="platform:read", answer=ProviderTold, listed=True)
    def get(self, asked: Asked) -> Listed:
        saved = {row.provider: row for row in PlatformCredential.objects.all()}
        return Listed([_provider_told(name, saved.get(name)) for name in catalog().providers])


class ProviderCredential(Operations):
    @operation(
        "put_platform_credential",
        "Save the platform's key at a provider",
        scope="platform:write",
        body=NewCredential,
        answer=ProviderTold,
        atomic=False,
    )
    def put(self, asked: Asked, provider: str) -> ProviderTold:
        facts, secret = brought(provider), asked.body.secret
        answer = asked_provider(facts, secret)
        with transaction.atomic():
            row = bringing.keep_platform(facts.name, secret, taken=answer.taken)
            audit.operated(asked.request, "credential.saved", facts.name, last4=row.last4, checked=answer.taken)
        operating.refresh()
        return _provider_told(facts.name, row)

    @operation(
        "delete_platform_credential", "Remove the platform's key at a provider", scope="platform:write", status=204, atomic=False
    )
    def delete(self, asked: Asked, provider: str) -> None:
        row = PlatformCredential.objects.filter(provider=provider).first()
        if row is None:
            raise NotFound("No key is saved here for this provider.")
        with transaction.atomic():
            audit.operated(asked.request, "credential.removed", provider, last4=row.last4)
            row.delete()
        operating.refresh()


def _provider_told(name: str, saved: PlatformCredential | None) -> ProviderTold:
    facts, stands = catalog().providers[name], provider_of(name)
    return ProviderTold(
        name=name,
        display_name=facts.display_name,
        dialect=facts.dialect,
        base_url=base_url_of(facts),
        reached=stands.reached,
        drained=stands.drained,
        credential_last4=saved.last4 if saved else None,
        credential_checked_at=saved.checked_at if saved else None,
    )


# --- health


class Health(Operations):
    @operation("list_health", "How providers and models stand", scope="platform:read", answer=HealthTold, listed=True)
    def get(self, asked: Asked) -> Listed:
        return Listed([_health_told(name) for name in catalog().providers])

    @operation(
        "turn_target",
        "Open, close, drain or let in a provider or model",
        scope="platform:write",
        body=Turn,
        answer=HealthTold,
        atomic=False,
    )
    def post(self, asked: Asked) -> HealthTold:
        turn: Turn = asked.body
        if turn.target not in catalog().models and turn.target not in catalog().providers:
            raise InvalidValue("There is no such provider or model.", param="target")
        with transaction.atomic():
            standing.keep(turn.target, turn.way)
            more = {"minutes": turn.minutes} if turn.way == "open" else {}
            audit.operated(asked.request, WAYS[turn.way], turn.target, **more)
        standing.turn(turn.target, turn.way, turn.minutes)
        return _health_told(turn.target.partition("/")[0])


def _health_told(name: str) -> HealthTold:
    stands = provider_of(name)
    credential = None if stands.credential is None else target_told(stands.credential)
    models = [target_told(target) for target in stands.models]
    return HealthTold(provider=name, reached=stands.reached, drained=stands.drained, credential=credential, models=models)


def target_told(target: standing.Target) -> TargetTold:
    return TargetTold(
        name=target.name,
        state=target.state,
        drained=target.drained,
        told=target.told,
        error_share=target.errors,
        first_token_ms=target.ttft_ms,
        ms_per_token=target.ms_per_token,
    )
