"""Where is a request written down before anything else can happen to it? In this process's own files.

A journal is a row of segments: files of a fixed size, reserved on disk at once and mapped into memory. To append is to
copy bytes into the map, without a system call: the pages belong to the kernel, so a line that was appended survives the
death of the process; a task behind calls fdatasync every SYNC_EVERY_S, so that the loss of the whole host costs no more
than that. Lines are JSON and hold no NUL; the rest of a segment is NULs, which is how a reader knows where it ends.

Each file is locked for as long as its process lives; a file that can be locked belongs to the dead, and the recorder
finishes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import mmap
import os
import platform
from functools import cache
from pathlib import Path
from secrets import token_hex

from accounts.ids import request_id as unique

SEGMENT_BYTES = 8 * 2**20  # then a new one; the old one closes when its last request has ended
OUTCOME_ROOM = 2**20  # kept free for the outcomes of requests whose intent stands in the segment
SYNC_EVERY_S = 0.05
NEW, READY = ".new", ".journal"
FOLDER_ID = "journal.id"

log = logging.getLogger("routeplex.journal")


def process_name() -> str:
    """Of this process, as no other one was ever called: in containers, process ids come again."""
    return _process_name(os.getpid())


@cache
def _process_name(pid: int) -> str:
    return f"{platform.node()}-{pid}-{token_hex(4)}"


class JournalUnavailable(Exception):
    """The journal cannot be written (disk full, read-only …): no money may be spent unwritten."""


def process_of(path: Path) -> str:
    """Whose segment it is."""
    return path.name.rpartition("-")[0]


def folder_id(folder: Path) -> str:
    """What this folder is called in the database, wherever it is mounted; made by the first process that holds money."""
    file, fresh = folder / FOLDER_ID, folder / f"{FOLDER_ID}.{unique()}"
    if not file.exists():
        fresh.write_text(unique()[4:])
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)  # whole, or not there
        fresh.unlink()
    return file.read_text()


class Segment:
    """One file of the journal. A request's lines all go to the same one."""

    def __init__(self, folder: Path, size: int = SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{process_name()}-{unique()[4:]}{READY}"
        fresh = self.path.with_suffix(NEW)
        self.fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(self.fd, 0, size)  # a full disk says so here, and not as a signal later
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._map = mmap.mmap(self.fd, size)
            os.rename(fresh, self.path)  # only now the recorder may see it: locked
        except OSError:
            os.close(self.fd)
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        self.capacity = size
        self.size = self.synced = 0
        self.open_requests = 0
        self.retired = False

    @property
    def full(self) -> bool:
        return self.size >= self.capacity - OUTCOME_ROOM

    def append(self, line: bytes) -> bool:
        """Whether there was room for it."""
        end = self.size + len(line) + 1
        if end >= self.capacity:  # at least one NUL stays behind the last line
            return False
        self._map[self.size : end] = line + b"\n"
        self.size = end
        return True

    def sync(self) -> None:
        size = self.size
        if size > self.synced:
            os.fdatasync(self.fd)
            self.synced = size

    def close(self) -> None:
        """Gives back what was not used, and the lock with it."""
        self._map.close()
        os.ftruncate(self.fd, self.size)
        os.close(self.fd)


class Journal:
    """This process's journal: the segment that is written to, and older ones that still have requests running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current = Segment(folder)
        self.older: list[Segment] = []

    def segment(self) -> Segment:
        """The one for a request that begins now. Raises JournalUnavailable."""
        if self.current.full:
            self._turn()
        return self.current

    def _turn(self) -> None:
        try:
            fresh = Segment(self.folder)
        except OSError as error:
            raise JournalUnavailable(str(error)) from error
        self.current.retired = True
        self.older.append(self.current)
        self.current = fresh

    def append_anywhere(self, line: bytes) -> None:
        """For an outcome that its own segment has no room for: the recorder puts lines together by request id.
        Raises JournalUnavailable."""
        if not self.segment().append(line):
            self._turn()
            self.current.append(line)

    async def keep_synced(self) -> None:
        """For ever; the disk is waited for in a thread."""
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            try:
                for segment in (*self.older, self.current):
                    if segment.size > segment.synced:
                        await asyncio.to_thread(segment.sync)
                self._close_ended()
            except OSError:
                log.exception("the journal cannot be synced")

    def _close_ended(self) -> None:
        ended = [segment for segment in self.older if not segment.open_requests]
        self.older = [segment for segment in self.older if segment.open_requests]
        for segment in ended:
            segment.sync()
            segment.close()

    def close(self) -> None:
        """After the last request: all files are released, and belong to the recorder."""
        for segment in (*self.older, self.current):
            segment.sync()
            segment.close()
        self.older = []
