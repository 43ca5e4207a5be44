"""Who is calling? Mint, hash and recognise API keys.

    rp_live_ + 43 characters of base 62 (256 random bits) + 6 characters of base 62 (CRC-32 of all before)

A scanner can find a key by its form and verify it offline; the checksum is no secret, it keeps typing errors and
noise away from the database. We keep an HMAC-SHA-256 under a pepper (fast on purpose: the secret has 256 bits),
look it up by the public prefix and compare in constant time.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import F, Q
from django.utils import timezone
from msgspec import Struct

from accounts.credentials import NONE, secrets_of
from accounts.refusals import ExpiredKey, InvalidKey, KeyRefused, KeysUnavailable, MissingKey, OutOfScope
from routing.rules import Rules
from routing.types import Caller, KeyScope, RateLimit

if TYPE_CHECKING:
    from accounts.models import ApiKey, Tenant, User

PREFIX_LENGTH = 16  # "rp_live_" and eight characters
log = logging.getLogger("routeplex.keys")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"rp_(?:live|test)_[0-9A-Za-z]{49}", re.ASCII)

FRESH_S = 60.0  # a recognised key is read again behind the request after this long
STALE_S = 300.0  # and no longer believed after this long without a database
_WAYS: Mapping[KeyScope, str] = {"all": "do this", "chat": "ask models", "read": "read models, estimates and decisions"}
LOOKUPS_AT_ONCE = 8  # unknown keys must not crowd the threads
REMEMBERED = 100_000  # keys kept in memory


# --- the key itself


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def random_part() -> str:
    """43 characters: 256 random bits."""
    return _base62(secrets.randbits(256), 43)


def checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), 6)


def mint(*, test: bool = False) -> str:
    """A new key; nobody has it but the one who asked."""
    body = ("rp_test_" if test else "rp_live_") + random_part()
    return body + checksum(body)


def well_formed(token: str) -> bool:
    """Whether this could be a key of ours: its form and its checksum, offline."""
    return bool(_FORM.fullmatch(token)) and checksum(token[:-6]) == token[-6:]


def pepper_id(pepper: str) -> str:
    return hashlib.sha256(b"pepper id" + pepper.encode()).hexdigest()[:8]


def digest(token: str, pepper: str) -> str:
    return hmac.new(pepper.encode(), token.encode(), hashlib.sha256).hexdigest()


def create_key(
    tenant: Tenant, name: str, *, test: bool = False, created_by: User | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The new row and the key, which is never to be had again."""
    token, pepper = mint(test=test), settings.KEY_PEPPERS[0]
    row = tenant.api_keys.create(
        name=name,
        prefix=token[:PREFIX_LENGTH],
        last4=token[-4:],
        pepper_id=pepper_id(pepper),
        digest=digest(token, pepper),
        is_test=test,
        created_by=created_by,
        expires_at=expires_at,
    )
    return row, token


def token_in(headers: Mapping[bytes, bytes]) -> str:
    """Of a request (names in lower case): `Authorization: Bearer …`, or `x-api-key`, which other SDKs send."""
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    if kind.lower() != b"bearer":
        token = headers.get(b"x-api-key", b"")
    return token.strip().decode("latin-1")


# --- recognising it, in memory


class _Known(Struct, frozen=True):
    caller: Caller
    digest: str
    pepper: str
    expires_at: float | None  # Unix seconds
    refused: bool  # revoked, or its tenant is not active
    read_at: float  # monotonic seconds


_known: dict[str, _Known] = {}
_refreshing: dict[str, asyncio.Task[_Known | None]] = {}
_lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)


async def authenticate(token: str) -> Caller:
    """The caller behind a bearer token. Raises KeyRefused, or KeysUnavailable when nobody can tell."""
    if not token:
        raise MissingKey
    if not well_formed(token):
        raise _no_calling_key(token)
    known = _known.get(token[:PREFIX_LENGTH])
    age = time.monotonic() - known.read_at if known else STALE_S
    if age >= STALE_S:
        known = await _read(token[:PREFIX_LENGTH])
    elif age >= FRESH_S:
        _read_behind(token[:PREFIX_LENGTH])
    return _let_in(known, token)


def recognise(token: str) -> Caller:
    """The same where a thread may wait: the database is asked each time. Raises KeyRefused, KeysUnavailable."""
    if not well_formed(token):
        raise _no_calling_key(token)
    try:
        known = _load(token[:PREFIX_LENGTH])
    except DatabaseError as error:
        raise KeysUnavailable from error
    return _let_in(known, token)


def _no_calling_key(token: str) -> KeyRefused:
    if token.startswith("rp_admin_"):
        return OutOfScope("This is a management key: it asks no models. Send an API key (rp_live_…).")
    return InvalidKey()


def _let_in(known: _Known | None, token: str) -> Caller:
    if known is None or not hmac.compare_digest(known.digest, digest(token, known.pepper)) or known.refused:
        raise InvalidKey
    if known.expires_at is not None and known.expires_at <= time.time():
        raise ExpiredKey
    return known.caller


def caller_of(key: ApiKey) -> Caller:
    """The caller that this key makes, for somebody who may use it without its secret. Raises InvalidKey, ExpiredKey."""
    if key.revoked_at is not None or not key.tenant.is_active:
        raise InvalidKey
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise ExpiredKey
    return _caller(key)


def insist(caller: Caller, scope: KeyScope) -> None:
    """Raises OutOfScope."""
    if caller.scope not in ("all", scope):
        raise OutOfScope(f"This API key may not {_WAYS[scope]}. Use another, or change it in the dashboard.")


async def _read(prefix: str) -> _Known | None:
    """From the database, once at a time for each prefix."""
    return await asyncio.shield(_read_behind(prefix))


def _read_behind(prefix: str) -> asyncio.Task[_Known | None]:
    if (task := _refreshing.get(prefix)) is None:
        task = _refreshing[prefix] = asyncio.create_task(_remember(prefix))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # a refresh behind may fail unseen
    return task


async def _remember(prefix: str) -> _Known | None:
    try:
        async with _lookups:
            known: _Known | None = await database_sync_to_async(_load, thread_sensitive=False)(prefix)
    except DatabaseError as error:
        raise KeysUnavailable from error
    finally:
        # `watch` takes the task off the list when the key changes under it: then what was read is not kept
        current = _refreshing.get(prefix) is asyncio.current_task()
        if current:
            del _refreshing[prefix]
    if current:
        _keep(prefix, known)
    return known


def _keep(prefix: str, known: _Known | None) -> None:
    _known.pop(prefix, None)
    if known is not None:
        if len(_known) >= REMEMBERED:
            del _known[next(iter(_known))]
        _known[prefix] = known


def _load(prefix: str) -> _Known | None:
    from accounts.models import ApiKey, RetiredSecret

    related = "tenant__routing_rules", "tenant__plan"
    row = ApiKey.objects.select_related(*related).filter(prefix=prefix).first()
    secret: ApiKey | RetiredSecret | None = row
    if row is None:  # perhaps it was rotated, and this is what it was before
        secret = RetiredSecret.objects.select_related(*(f"api_key__{name}" for name in related)).filter(prefix=prefix).first()
        row = secret.api_key if secret else None
    peppers = {pepper_id(p): p for p in settings.KEY_PEPPERS}
    if row is None or secret is None or secret.pepper_id not in peppers:
        return None
    ends = [end.timestamp() for end in (row.expires_at, secret.expires_at) if end]
    return _Known(
        caller=_caller(row),
        digest=secret.digest,
        pepper=peppers[secret.pepper_id],
        expires_at=min(ends, default=None),
        refused=row.revoked_at is not None or not row.tenant.is_active,
        read_at=time.monotonic(),
    )


def _caller(row: ApiKey) -> Caller:
    """The key with what its tenant has set of routing."""
    rules = getattr(row.tenant, "routing_rules", None)
    theirs = Q(api_key=None) | Q(api_key=row)
    budgets = row.tenant.budgets.filter(theirs, ended_at=None).order_by(F("api_key").desc(nulls_last=True), "period", "unit")
    return Caller(
        tenant_id=str(row.tenant_id),
        key_id=str(row.pk),
        key_prefix=row.prefix,
        test=row.is_test,
        strategy=row.default_strategy or row.tenant.default_strategy or None,
        tradeoff=row.tradeoff if row.tradeoff is not None else rules.tradeoff if rules else None,
        draws=rules.draws if rules else True,
        max_fallbacks=rules.max_fallbacks if rules else None,
        allowed_models=frozenset(row.allowed_models),
        rules=rules.as_rules() if rules else Rules(),
        strategies={own.name: own.as_parts() for own in row.tenant.strategies.all()},
        keeps_contents=row.tenant.keep_contents_days > 0,
        limits=_limits(row.tenant, [limit.as_rate_limit() for limit in row.tenant.limits.filter(theirs)]),
        budgets=() if row.is_test else tuple(budget.as_spend_limit() for budget in budgets),
        scope=row.scope,  # type: ignore[arg-type]  # the choices are the literal's
        secrets=NONE if row.is_test else secrets_of(row.tenant),
    )


def _limits(tenant: Tenant, own: Sequence[RateLimit]) -> tuple[RateLimit, ...]:
    """The tenant's and the key's own, and the plan's: what the plan grants to all keys together can only be made tighter."""
    if tenant.plan is None:
        return tuple(own)
    plan = tenant.plan.as_rate_limit()
    of_all = [limit for limit in own if (limit.owner, limit.model) == ("tenant", "")]
    tightest = plan.tightened(*of_all)
    others = [limit for limit in own if limit not in of_all]
    return (tightest, *others) if tightest.bounds else tuple(others)


# --- forgetting what has changed

WATCH_EVERY_S = 1.0
OVERLAP = timedelta(seconds=60)  # hosts' clocks differ, and a row may be committed after a later one


_CHANGES = (
    "changed_at",
    "tenant__changed_at",
    "tenant__routing_rules__changed_at",
    "tenant__strategies__changed_at",
    "tenant__limits__changed_at",
    "tenant__budgets__changed_at",
    "tenant__plan__changed_at",
    "tenant__credentials__changed_at",
)


def changed(since: datetime) -> Sequence[tuple[str, datetime]]:
    """Prefix and time of change of every key that changed since then, or whose tenant or its routing did. One query each,
    so that each has its index; another where a key was rotated, for what it was before."""
    from accounts.models import ApiKey, RetiredSecret

    found: list[tuple[str, datetime]] = []
    for name in _CHANGES:
        found += ApiKey.objects.filter(**{f"{name}__gte": since}).values_list("prefix", name)
    if found:
        keys = ApiKey.objects.filter(prefix__in={prefix for prefix, _ in found})
        latest = max(at for _, at in found)
        found += [(prefix, latest) for prefix in RetiredSecret.objects.filter(api_key__in=keys).values_list("prefix", flat=True)]
    return found


_watched_at: float | None = None


def watched_at() -> float | None:
    """When the database last told this process what has changed (monotonic seconds); None: not yet, so it knows nobody."""
    return _watched_at


async def watch() -> None:
    """Forget keys as they change, for ever: a revocation reaches this process within WATCH_EVERY_S and a query.
    While the database is away nothing changes in it; `authenticate` stops believing after STALE_S."""
    global _watched_at
    seen: set[tuple[str, datetime]] = set()
    while True:
        try:
            rows = set(await database_sync_to_async(changed, thread_sensitive=False)(timezone.now() - OVERLAP))
            _watched_at = time.monotonic()
        except DatabaseError:
            rows = seen
        except Exception:  # whatever it was, revocations must go on reaching us
            log.exception("changed keys cannot be read")
            rows = seen
        for prefix, *_ in rows - seen:
            _known.pop(prefix, None)
            _refreshing.pop(prefix, None)
        seen = rows
        await asyncio.sleep(WATCH_EVERY_S)


def forget_all() -> None:
    """Every remembered key is read again. For tests, and for whoever restores a database."""
    _known.clear()


# --- last use


def used(at: Mapping[str, datetime]) -> None:
    """When each key (by id) was last used, in one batch. Not a change: nobody need forget the key for it."""
    from accounts.models import ApiKey

    for key_id, moment in at.items():
        ApiKey.objects.filter(pk=key_id).exclude(last_used_at__gte=moment).update(last_used_at=moment)
