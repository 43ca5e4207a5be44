"""Where are the prompts and answers that a tenant wants kept, and who may read them?

The recorder takes them in from the files that gateway/contents.py writes, puts streams together and seals them anew;
what its tenant does not want any more by then is not taken in. Deleting them is gateway/retention.py's.
"""

from __future__ import annotations

import contextlib
import logging
import time
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from django.db import Error as DatabaseError
from django.db import OperationalError
from django.utils import timezone
from msgspec import Struct

from accounts.envelopes import Unreadable, seal, unseal
from accounts.models import Tenant
from gateway.assembly import assembled
from gateway.contents import FOLDER, NEW, READY, Note, Sealed, about
from gateway.models import KeptContent

ANSWER_BYTES = 256 * 1024  # kept of an answer's JSON
FILES_AT_ONCE = 20
ABANDONED_S = 3600.0  # a file that nobody finished

log = logging.getLogger("routeplex.kept")
_decode_file = msgspec.msgpack.Decoder(list[Sealed]).decode
_decode_note = msgspec.msgpack.Decoder(Note).decode


class Contents(Struct, frozen=True, kw_only=True):
    """`asked` is the caller's body, `answered` the JSON of the answer's choices, both as text; where one was longer than
    what is kept of it, its beginning stands here and `…_complete` is False."""

    request_id: str
    received_at: datetime
    asked: str
    asked_complete: bool
    answered: str
    answered_complete: bool


class _Kept(Struct, frozen=True, array_like=True):
    asked: bytes
    asked_complete: bool
    answered: bytes
    answered_complete: bool


_decode_kept = msgspec.msgpack.Decoder(_Kept).decode


# --- in


def take_in(folder: Path) -> bool:
    """What the processes of this journal's folder have written, into the database; whether there was any. Raises
    OperationalError while the database is away: the files wait."""
    folder = folder / FOLDER
    files = sorted(folder.glob("*" + READY))[:FILES_AT_ONCE]
    for file in files:
        try:
            _insert(_decode_file(file.read_bytes()))
        except OperationalError:
            raise
        except (DatabaseError, msgspec.MsgspecError, UnicodeDecodeError):
            log.exception("%s cannot be taken in and is left aside", file)
            file.rename(file.with_suffix(".unread"))
        else:
            file.unlink()
    for file in folder.glob("*" + NEW):
        _abandon(file)
    return bool(files)


def _abandon(file: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # its process has just finished it
        if time.time() - file.stat().st_mtime > ABANDONED_S:
            file.unlink()


def _insert(sealed: Sequence[Sealed]) -> None:
    days = dict(Tenant.objects.filter(pk__in={one.tenant_id for one in sealed}).values_list("pk", "keep_contents_days"))
    wanted = {str(pk) for pk, kept in days.items() if kept}
    rows = [row for one in sealed if one.tenant_id in wanted and (row := _row(one)) is not None]
    KeptContent.objects.bulk_create(rows, ignore_conflicts=True)


def _row(one: Sealed) -> KeptContent | None:
    place = about(one.tenant_id, one.request_id)
    try:
        note = _decode_note(zlib.decompress(unseal(one.note, place)))
    except Unreadable as error:
        log.error("what request %s asked and was answered cannot be read: %s", one.request_id, error)
        return None
    return KeptContent(
        request_id=one.request_id,
        tenant_id=one.tenant_id,
        received_at=datetime.fromtimestamp(one.received_at, UTC),
        sealed=seal(zlib.compress(msgspec.msgpack.encode(_kept(note))), place),
    )


def _kept(note: Note) -> _Kept:
    answered = msgspec.json.encode(note.choices or assembled(note.pieces))
    return _Kept(
        note.asked,
        len(note.asked) == note.asked_bytes,
        answered[:ANSWER_BYTES],
        note.complete and len(answered) <= ANSWER_BYTES,
    )


# --- out


def contents_of(tenants: Iterable[Tenant], request_id: str) -> Contents | None:
    """None where none of these tenants keeps it, or not any more. Whoever calls has asked accounts.access whose prompts
    the person may read. Raises Unreadable where ENCRYPTION_KEY was lost."""
    days = {tenant.pk: tenant.keep_contents_days for tenant in tenants}
    row = KeptContent.objects.filter(tenant_id__in=list(days), request_id=request_id).first()
    if row is None or row.received_at <= timezone.now() - timedelta(days=days[row.tenant_id]):
        return None
    return opened(row)


def opened(row: KeptContent) -> Contents:
    """Raises Unreadable."""
    kept = _decode_kept(zlib.decompress(unseal(bytes(row.sealed), about(str(row.tenant_id), row.request_id))))
    return Contents(
        request_id=row.request_id,
        received_at=row.received_at,
        asked=kept.asked.decode("utf-8", "replace"),
        asked_complete=kept.asked_complete,
        answered=kept.answered.decode("utf-8", "replace"),
        answered_complete=kept.answered_complete,
    )
