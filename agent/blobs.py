"""Models, libraries and bundles on the board, each under the SHA-256 of its bytes.

What lies here under its name came whole: it was hashed while it was written, synced, and only then renamed. But memory
cards forget: what lay here before this visit is hashed once when it is asked for, and removed when it has changed.
"""

import contextlib
import errno
import hashlib
import os
import select
import shutil
import time
from typing import Callable, Iterator, List, NamedTuple, Sequence, Set

from agent.places import Places, check_digest, remove_quietly, write_whole
from agent.protocol import Error, Evicted, Holdings, Received

CHUNK_BYTES = 1 << 20
STALL_LIMIT_S = 60.0
"""A sender that is silent for this long has gone: the link died without an end of input."""
LEFTOVER_AGE_S = 3600.0
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, a file-size limit: the same thing to a user."""

Breathe = Callable[[], None]
"""Called between pieces of slow work, so that the caller can stay alive to others."""


class BlobFault(Exception):
    """What goes back as an `Error`: `code` and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = Error(code, message)


def receive(places: Places, digest: str, size_bytes: int, source: int) -> Received:
    """Read exactly `size_bytes` from a descriptor and keep them under `digest`.

    `BlobFault`: `disk_full` (with the free and the needed bytes), `corrupt` (wrong hash, or the stream ended early).
    Nothing is kept then. Already there: returns at once and reads nothing.
    """
    path = places.blob(digest)
    if os.path.exists(path) or os.path.isdir(places.bundle(digest)):
        touch(places, digest)
        return Received(digest, size_bytes, already=True)
    free_bytes = places.free_bytes()
    if size_bytes > free_bytes:
        raise BlobFault("disk_full", _no_room(places, digest, size_bytes, free_bytes))
    try:
        write_whole(path, places.temporary(digest), _hashed(source, size_bytes, digest))
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise BlobFault("disk_full", _no_room(places, digest, size_bytes, places.free_bytes())) from error
    return Received(digest, size_bytes)


def hold(places: Places, digests: Sequence[str], breathe: Breathe = lambda: None) -> Holdings:
    """Which of these are here. An unpacked bundle is here although its archive has been removed."""
    unpacked = [digest for digest in digests if os.path.isdir(places.bundle(digest))]
    present = [digest for digest in digests if digest in unpacked or _is_sound(places.blob(digest), digest, breathe)]
    return Holdings(present, [digest for digest in digests if digest not in present], unpacked)


def touch(places: Places, digest: str) -> None:
    """Note a use, for the order of eviction."""
    for path in (places.blob(digest), places.bundle(digest)):
        with contextlib.suppress(OSError):
            os.utime(path)


def evict(places: Places, limit_bytes: int, incoming_bytes: int, keep: Sequence[str], breathe: Breathe) -> Evicted:
    """Delete the least recently used until the rest and `incoming_bytes` fit the limit and the disk.

    Never one of `keep`: when they alone are too large, less is freed than was asked for, and the caller sees it.
    """
    kept = {check_digest(digest) for digest in keep}
    entries = _entries(places, breathe)
    used_bytes = sum(entry.size_bytes for entry in entries)
    gone = []
    for entry in sorted(entries):
        fits = used_bytes + incoming_bytes <= limit_bytes and incoming_bytes <= places.free_bytes()
        if fits:
            break
        if entry.digest in kept:
            continue
        _remove(entry.path)
        breathe()
        used_bytes -= entry.size_bytes
        gone.append(entry.digest)
    return Evicted(gone, places.free_bytes(), used_bytes)


def clear_incoming(places: Places, older_than_s: float = LEFTOVER_AGE_S) -> None:
    """Remove what broken transfers left behind: its writer is gone, or has not written for long."""
    for name in os.listdir(places.incoming):
        path = os.path.join(places.incoming, name)
        try:
            if _has_no_writer(name) or time.time() - os.lstat(path).st_mtime >= older_than_s:
                _remove(path)
        except OSError:
            continue


def _has_no_writer(name: str) -> bool:
    """Does the process that made this name (`Places.temporary`) live no more?"""
    pid = name.rpartition(".")[2]
    return pid.isdigit() and os.path.isdir("/proc/self") and not os.path.isdir("/proc/" + pid)


_LOOKED_AT: Set[str] = set()
"""Paths that this agent knows about: hashed by itself, or not here yet, so that they will be hashed as they come."""


def _is_sound(path: str, digest: str, breathe: Breathe) -> bool:
    if not os.path.exists(path) or path in _LOOKED_AT:
        _LOOKED_AT.add(path)
        return os.path.exists(path)
    running = hashlib.sha256()
    # A card that cannot be read any more is no better than one that forgot.
    with contextlib.suppress(OSError), open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
            running.update(chunk)
            breathe()
    _LOOKED_AT.add(path)
    if running.hexdigest() == digest:
        return True
    remove_quietly(path)
    return False


class _Entry(NamedTuple):
    used_ns: int
    digest: str
    path: str
    size_bytes: int


def _entries(places: Places, breathe: Breathe) -> List[_Entry]:
    entries = []
    for folder in (places.blobs, places.bundles):
        for found in os.scandir(folder):
            status = found.stat(follow_symlinks=False)
            size_bytes = _tree_bytes(found.path) if found.is_dir(follow_symlinks=False) else status.st_size
            entries.append(_Entry(status.st_mtime_ns, found.name, found.path, size_bytes))
            breathe()
    return entries


def _tree_bytes(folder: str) -> int:
    return sum(os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        remove_quietly(path)


def _no_room(places: Places, digest: str, needed_bytes: int, free_bytes: int) -> str:
    return "no room for %s… in %s: %d bytes needed, %d bytes free" % (
        digest[:12],
        places.root,
        needed_bytes,
        free_bytes,
    )


def _hashed(source: int, size_bytes: int, digest: str) -> Iterator[bytes]:
    """The chunks of a pushed file, hashed as they pass; `BlobFault` when the whole is not what was promised."""
    running = hashlib.sha256()
    left_bytes = size_bytes
    while left_bytes:
        readable, _, _ = select.select([source], [], [], STALL_LIMIT_S)
        data = os.read(source, min(CHUNK_BYTES, left_bytes)) if readable else b""
        if not data:
            how = "the stream ended" if readable else "nothing came for %.0f s" % STALL_LIMIT_S
            arrived_bytes = size_bytes - left_bytes
            raise BlobFault("corrupt", "%s after %d of %d bytes of %s…" % (how, arrived_bytes, size_bytes, digest[:12]))
        running.update(data)
        left_bytes -= len(data)
        yield data
    if running.hexdigest() != digest:
        raise BlobFault("corrupt", "the bytes have the hash %s…, not %s…" % (running.hexdigest()[:12], digest[:12]))
