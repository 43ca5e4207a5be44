"""What exactly was a caller answered? Kept so that the same request with the same Idempotency-Key gets it again.

It is sealed under a key that is derived from the caller's own API key, which we do not have (accounts/keys.py keeps a hash
of it): whoever reads the database, or runs it, cannot read the answers.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import zlib
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from gateway import sse
from gateway.wire import Head

MAX_BYTES = 2 * 2**20  # of an answer, before it is compressed; a longer one is not kept
NONCE_BYTES = 12
_OF_THAT_MOMENT = (b"x-request-id", b"x-ratelimit-", b"retry-after", b"x-should-retry")


__all__ = ("InvalidTag", "Keys", "Reply", "Transcript", "keys_of", "sealed", "unsealed")


class Keys(Struct, frozen=True):
    """Two keys that only the holder of an API key has: to seal answers, and to mark what was asked."""

    seal: bytes
    mark: bytes

    def marked(self, *parts: bytes) -> str:
        """64 hexadecimal digits: the same parts give the same, and nobody else can tell which parts they were."""
        lengths = b"".join(len(part).to_bytes(8) for part in parts)
        return hmac.new(self.mark, lengths + b"".join(parts), hashlib.sha256).hexdigest()


def keys_of(token: str) -> Keys:
    both = HKDF(algorithm=SHA256(), length=64, salt=None, info=b"routeplex idempotency 1").derive(token.encode())
    return Keys(both[:32], both[32:])


class Reply(Struct, frozen=True, array_like=True):
    """A whole answer, or all events of a stream."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    whole: bool

    def head(self, request_id: str) -> Head:
        """The first one's, under the id of the request that gets it again."""
        ours = [(b"x-request-id", request_id.encode()), (b"idempotent-replayed", b"true")]
        if self.status >= 400:
            ours.append((b"x-should-retry", b"false"))  # the same key will get the same
        return Head(status=self.status, headers=[*self.headers, *ours], whole=self.whole)


class Transcript:
    """What has been sent so far. Beyond MAX_BYTES it forgets the body and is `too_long`."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.too_long = False
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: Head | bytes) -> None:
        if isinstance(piece, Head):
            self.head = piece
        elif piece != sse.KEEP_ALIVE and not self.too_long:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > MAX_BYTES:
                self.too_long, self._pieces = True, []

    @property
    def is_whole(self) -> bool:
        return self.head is not None and self.head.whole

    def reply(self) -> Reply:
        assert self.head is not None, "an answer begins with a Head"
        headers = [(name, value) for name, value in self.head.headers if not name.startswith(_OF_THAT_MOMENT)]
        return Reply(self.head.status, headers, b"".join(self._pieces), self.head.whole)


def sealed(reply: Reply, key: bytes, about: str) -> bytes:
    """`about` must be the same when it is unsealed: an answer cannot be put in another's place."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, zlib.compress(msgspec.msgpack.encode(reply), 1), about.encode())


def unsealed(data: bytes, key: bytes, about: str) -> Reply:
    """Raises InvalidTag where anything is not as it was."""
    plain = AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about.encode())
    return msgspec.msgpack.decode(zlib.decompress(plain), type=Reply)
