"""Where does a request stand in its caller's trace? By W3C's trace context: read from `traceparent`, passed on to providers.

The path of a request does no more than this: spans are made by the recorder, from the journal (gateway/spans.py). So their ids
come from the request's own id, and whoever knows that finds the trace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b

from msgspec import Struct

_PARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = 1


class Trace(Struct, frozen=True):
    """`id` and `parent` in hexadecimal; no parent: it begins here. `state`: what others carry along, as it came."""

    id: str
    parent: str = ""
    sampled: bool = True
    state: str = ""


def trace_of(headers: Mapping[bytes, bytes], request_id: str, share: float) -> Trace:
    """The caller's, who decides then whether it is sampled; else a new one, sampled for `share` (0..1) of the requests."""
    found = _PARENT.fullmatch(headers.get(b"traceparent", b""))
    if found is None:
        name = _digest(request_id, 16)
        return Trace(name, sampled=int(name[16:], 16) < share * 2**64)
    state = headers.get(b"tracestate", b"").decode("latin-1")
    return Trace(found[1].decode(), found[2].decode(), bool(int(found[3], 16) & _SAMPLED), state)


def span_id(request_id: str, attempt: int = 0) -> str:
    """Of the request, or of one of its attempts."""
    return _digest(f"{request_id}.{attempt}", 8)


def passed_on(trace: Trace, request_id: str, attempt: int) -> dict[str, str]:
    """Headers for the provider: the attempt is the parent of whatever happens there."""
    parent = f"00-{trace.id}-{span_id(request_id, attempt)}-{int(trace.sampled):02x}"
    return {"traceparent": parent, "tracestate": trace.state} if trace.state else {"traceparent": parent}


def written(trace: Trace | None) -> str:
    """For the journal: empty where no span is to be made."""
    return f"{trace.id}-{trace.parent}" if trace is not None and trace.sampled else ""


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
