"""Models, libraries and bundles on the board, each under the SHA-256 of its bytes.

What lies here under its name came whole (`keeping`). But memory cards forget: what lay here before this visit is hashed
once when it is asked for, and removed when it has changed. What a broken transfer brought stays in `incoming` (`parts`,
which a visit that finds nothing there need not import), and counts as taken room.
"""

import contextlib
import errno
import hashlib
import os
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set

from agent.places import Places, check_digest, remove_quietly
from agent.protocol import Error, Evicted, Holdings

LEFTOVER_AGE_S = 3600.0
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, a file-size limit: the same thing to a user."""

CHUNK_BYTES = 1 << 20

Breathe = Callable[[], None]
"""Called between pieces of slow work, so that the caller can stay alive to others; what it raises ends the work."""


class BlobFault(Exception):
    """What goes back as an `Error`: `code` and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = Error(code, message)


def hold(places: Places, digests: Sequence[str], breathe: Breathe = lambda: None) -> Holdings:
    """Which of these are here. An unpacked bundle is here although its archive has been removed."""
    unpacked = [digest for digest in digests if os.path.isdir(places.bundle(digest))]
    present = [digest for digest in digests if digest in unpacked or _is_sound(places.blob(digest), digest, breathe)]
    missing = [digest for digest in digests if digest not in present]
    return Holdings(present, missing, unpacked, _partial(places, missing))


def _partial(places: Places, digests: List[str]) -> Dict[str, int]:
    if not digests or not os.listdir(places.incoming):
        return {}
    from agent import parts

    return parts.partial(places, digests)


def touch(places: Places, digest: str) -> None:
    """Note a use, for the order of eviction."""
    for path in (places.blob(digest), places.bundle(digest)):
        with contextlib.suppress(OSError):
            os.utime(path)


def evict(
    places: Places,
    limit_bytes: int,
    incoming_bytes: int,
    keep: Sequence[str],
    breathe: Breathe,
    later: Sequence[str] = (),
) -> Evicted:
    """Delete the least recently used until the rest and `incoming_bytes` fit the limit and the disk.

    Of `later`, in the order in which they will be needed, the last goes first, and only when all else is gone. Never
    one of `keep`: when they alone are too large, less is freed than was asked for, and the caller sees it. What broken
    transfers left counts, and goes, like the rest.
    """
    from agent import parts

    kept = {check_digest(digest) for digest in keep}
    turns = {check_digest(digest): turn for turn, digest in enumerate(later)}
    entries = _entries(places, breathe)
    used_bytes = sum(entry.size_bytes for entry in entries)
    gone = []
    for entry in sorted(entries, key=lambda entry: (entry.digest in turns, -turns.get(entry.digest, 0), entry)):
        fits = used_bytes + incoming_bytes <= limit_bytes and incoming_bytes <= places.free_bytes()
        if fits:
            break
        if entry.digest in kept:
            continue
        _remove(entry.path)
        parts.drop(places, entry.digest)
        breathe()
        used_bytes -= entry.size_bytes
        gone.append(entry.digest)
    return Evicted(gone, places.free_bytes(), used_bytes)


def clear_incoming(places: Places, older_than_s: float = LEFTOVER_AGE_S, parts_s: Optional[float] = None) -> None:
    """Remove what was left behind: its writer is gone, or has not written for long. Half a file that a transfer left
    can be gone on with, and stays for longer (`parts_s`, a week)."""
    if not os.listdir(places.incoming):
        return
    from agent import parts

    parts.clear(places, parts.KEPT_S if parts_s is None else parts_s)
    for name in os.listdir(places.incoming):
        path = os.path.join(places.incoming, name)
        if parts.is_part(name):
            continue
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
            with contextlib.suppress(FileNotFoundError):  # on a relay another process may make room as well
                status = found.stat(follow_symlinks=False)
                size_bytes = _tree_bytes(found.path) if found.is_dir(follow_symlinks=False) else status.st_size
                entries.append(_Entry(status.st_mtime_ns, found.name, found.path, size_bytes))
            breathe()
    from agent import parts

    for part in parts.leftovers(places):
        if not part.held:
            path = os.path.join(places.incoming, part.digest + ".part")
            entries.append(_Entry(part.written_ns, part.digest, path, part.size_bytes))
    return entries


def _tree_bytes(folder: str) -> int:
    return sum(os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        remove_quietly(path)
