"""How is something kept that only we may read? AES-256-GCM, in an envelope.

Each thing is sealed under a key of its own, and that key under ENCRYPTION_KEY, so that a change of ENCRYPTION_KEY touches
a few bytes of each envelope and nothing of what is in it. `about` says what the thing is and whose; it is not in the
envelope and must be the same when it is opened: what was taken from one place does not open in another.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from msgspec import Struct

NONCE_BYTES = 12


class Unreadable(Exception):
    """It was sealed under a key that we do not have, belongs elsewhere, or is not as it was."""


class _Envelope(Struct, frozen=True, array_like=True):
    key_id: str  # which ENCRYPTION_KEY
    key: bytes  # sealed under it
    thing: bytes  # sealed under `key`


_decode = msgspec.msgpack.Decoder(_Envelope).decode


def seal(thing: bytes, about: str) -> bytes:
    """Under the first of ENCRYPTION_KEYS."""
    key = AESGCM.generate_key(256)
    return _wrapped(key, _sealed(key, thing, about), about)


def unseal(envelope: bytes, about: str) -> bytes:
    """Raises Unreadable."""
    key, opened = _unwrapped(envelope, about)
    return _opened(key, opened.thing, about)


def current(envelope: bytes) -> bool:
    """Whether it was sealed under the first of ENCRYPTION_KEYS. Raises Unreadable."""
    return _read(envelope).key_id == next(iter(_keys()))


def rewrap(envelope: bytes, about: str) -> bytes:
    """The same thing under the first of ENCRYPTION_KEYS. Raises Unreadable."""
    key, opened = _unwrapped(envelope, about)
    return _wrapped(key, opened.thing, about)


def _read(envelope: bytes) -> _Envelope:
    try:
        return _decode(envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable("this is no envelope") from error


def _wrapped(key: bytes, thing: bytes, about: str) -> bytes:
    key_id, ours = next(iter(_keys().items()))
    return msgspec.msgpack.encode(_Envelope(key_id, _sealed(ours, key, about), thing))


def _unwrapped(envelope: bytes, about: str) -> tuple[bytes, _Envelope]:
    opened = _read(envelope)
    if (ours := _keys().get(opened.key_id)) is None:
        raise Unreadable(f"it was sealed under the key {opened.key_id}, which is not among ours")
    return _opened(ours, opened.key, about), opened


def _sealed(key: bytes, thing: bytes, about: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, thing, about.encode())


def _opened(key: bytes, sealed: bytes, about: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError) as error:
        raise Unreadable("it is not as it was sealed") from error


def _keys() -> Mapping[str, bytes]:
    """By id, the current one first."""
    return _derived(tuple(settings.ENCRYPTION_KEYS))


@cache
def _derived(secrets: Sequence[str]) -> Mapping[str, bytes]:
    return {_id(secret): _key(secret) for secret in secrets}


def _id(secret: str) -> str:
    return hashlib.sha256(b"encryption key id" + secret.encode()).hexdigest()[:8]


def _key(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"routeplex envelopes 1").derive(secret.encode())
