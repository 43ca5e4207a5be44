"""Names for rows and requests that sort by their time and tell nothing else."""

import os
import time
import uuid
from datetime import UTC, datetime

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def uuid7() -> uuid.UUID:
    """RFC 9562, version 7: 48 bits of milliseconds, 74 random bits. (The standard library has it from 3.14.)"""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def request_id() -> str:
    """`req_` and a ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base 32."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "req_" + "".join([_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5)])


def time_of(request_id: str) -> datetime | None:
    """When a request of this id came; None where it is no id of ours."""
    digits = request_id.removeprefix("req_")
    if len(request_id) != 30 or len(digits) != 26 or any(digit not in _CROCKFORD for digit in digits):
        return None
    value = 0
    for digit in digits:
        value = value << 5 | _CROCKFORD.index(digit)
    try:
        return datetime.fromtimestamp((value >> 80) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def slug() -> str:
    """What a tenant is called in addresses: 50 random bits. It is no secret, and no name: an address tells nobody's customers."""
    value = int.from_bytes(os.urandom(7))
    return "".join([_CROCKFORD[value >> shift & 31] for shift in range(0, 50, 5)]).lower()
