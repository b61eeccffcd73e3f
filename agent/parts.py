"""Files that are on their way to the board: what a broken transfer brought stays in `incoming`, and the next goes on.

`DIGEST.part` holds the bytes. Who writes holds an flock on `DIGEST.lock`, and is named in it: the newest receiver ends
an older one, because that one's link is dead although its sshd does not know it yet. Where several channels write at
once, `DIGEST.map` holds a byte for each block, 1 when it came.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import signal
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from agent.blobs import Breathe
from agent.frames import Broken, Piece
from agent.places import Places, check_digest, remove_quietly, sync_folder
from agent.protocol import BLOCK_BYTES
from agent.sensors import read_text
from agent.sensors.process import start_ticks

KEPT_S = 7 * 86400.0
"""A transfer that nobody went on with for a week; eviction takes it sooner when room is needed."""
_TAKE_OVER_S = 10.0
_READ_BYTES = 1 << 20
_WRITE_BYTES = 8 << 20
"""Handed to the disk at once: enough for it to write in one go."""
_ENDINGS = (".part", ".map", ".lock")


class Held(Exception):
    """Another receiver writes this file."""


class Part:
    """A file on its way, held by this process until `close`."""

    def __init__(self, places: Places, digest: str, size_bytes: int, *, named: bool = True) -> None:
        """Take hold of it; raises `Held`, OSError. `offset_bytes`: how much of it is there, all of it in one piece.
        `named`: the newest receiver may end this process, which does nothing else."""
        self.path = os.path.join(places.incoming, check_digest(digest) + ".part")
        self._places, self._digest, self._size_bytes = places, digest, size_bytes
        self._lock = _take(_beside(self.path, ".lock"), named)
        try:
            self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BaseException:
            self._let_go()
            raise
        self.map: Optional[BlockMap] = None
        try:
            self.offset_bytes = _whole_bytes(self.path, size_bytes)
            remove_quietly(_beside(self.path, ".map"))
            os.ftruncate(self.file, self.offset_bytes)
        except BaseException:
            self.close()
            raise
        self.came_bytes = self._written_bytes = self.offset_bytes
        self._hash: Any = None

    def hash_prefix(self, breathe: Breathe = lambda: None) -> None:
        """Hash what is there, so that `append` can go on."""
        self._hash = _hash_of(self.file, self.offset_bytes, breathe)
        os.lseek(self.file, self.offset_bytes, os.SEEK_SET)

    def start_again(self) -> None:
        """Forget what is there."""
        os.ftruncate(self.file, 0)
        self.offset_bytes = self.came_bytes = self._written_bytes = 0
        self.hash_prefix()

    def append(self, data: Piece) -> None:
        """The next bytes. OSError."""
        self._hash.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.file, view) :]
        self.came_bytes += len(data)
        if self.came_bytes - self._written_bytes >= _WRITE_BYTES:
            start_writing(self.file, self._written_bytes, self.came_bytes - self._written_bytes)
            self._written_bytes = self.came_bytes

    def open_lanes(self) -> None:
        """From now on others write too, block by block (`Lane`)."""
        self.map = BlockMap(_beside(self.path, ".map"), self._size_bytes, self.offset_bytes)
        os.ftruncate(self.file, self._size_bytes)
        self._hash = None

    def write(self, offset_bytes: int, data: Piece) -> None:
        """Bytes of one block, wherever they belong: with lanes open, in any order. `Broken` beyond its end, OSError."""
        write_block(self.file, offset_bytes, data, self._size_bytes)

    def note(self, offset_bytes: int, size_bytes: int) -> None:
        """All bytes of a frame came."""
        start_writing(self.file, offset_bytes, size_bytes)
        if self.map is not None:
            self.map.note(offset_bytes, size_bytes)

    def is_full(self) -> bool:
        """Did all blocks come, by whichever lane?"""
        return self.map is not None and self.map.is_full()

    def settle(self, target: str) -> str:
        """Sync the whole file and give it its name; the hash, and "" when it was right. A wrong one is removed.
        Raises `Held` when another file lies there, OSError."""
        found = (self._hash or _hash_of(self.file, self._size_bytes)).hexdigest()
        if found != self._digest:
            self.remove()
            return str(found)
        os.fsync(self.file)
        if not os.path.samestat(os.fstat(self.file), os.stat(self.path)):
            raise Held("another receiver took %s… over" % self._digest[:12])
        os.rename(self.path, target)
        sync_folder(os.path.dirname(target))
        sync_folder(self._places.incoming)
        return ""

    def remove(self) -> None:
        remove_quietly(self.path)

    def close(self) -> None:
        """Let go. What is there stays for the next one, and reaches the disk soon by itself: its hash is checked."""
        os.close(self.file)
        if self.map is not None:
            self.map.close()
        if not os.path.exists(self.path):
            remove_quietly(_beside(self.path, ".map"))
        self._let_go()

    def _let_go(self) -> None:
        remove_quietly(_beside(self.path, ".lock"))
        os.close(self._lock)


class Lane:
    """Another process that writes blocks into a part that some `Part` holds."""

    def __init__(self, places: Places, digest: str, size_bytes: int) -> None:
        """Raises `Held` when nobody holds it, OSError."""
        path = os.path.join(places.incoming, check_digest(digest) + ".part")
        lock = _beside(path, ".lock")
        if not is_held(lock):
            raise Held("nobody receives %s… here" % digest[:12])
        with open(lock, "ab", buffering=0) as file:
            file.write(_own_name())
        self._size_bytes = size_bytes
        self._map = BlockMap(_beside(path, ".map"), size_bytes, None)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write(self, offset_bytes: int, data: Piece) -> None:
        write_block(self._file, offset_bytes, data, self._size_bytes)

    def note(self, offset_bytes: int, size_bytes: int) -> None:
        start_writing(self._file, offset_bytes, size_bytes)
        self._map.note(offset_bytes, size_bytes)

    def close(self) -> None:
        os.close(self._file)
        self._map.close()


class BlockMap:
    """Which blocks came: a byte each, so that several processes can note theirs without asking each other."""

    def __init__(self, path: str, size_bytes: int, offset_bytes: Optional[int]) -> None:
        """With `offset_bytes` it is made, and says that all before it came; else it must be there."""
        self._size_bytes = size_bytes
        flags = os.O_RDWR | os.O_CLOEXEC
        self._file = os.open(path, flags if offset_bytes is None else flags | os.O_CREAT | os.O_TRUNC, 0o600)
        self._head_bytes = offset_bytes or 0
        if offset_bytes is not None:
            os.pwrite(self._file, b"\1" * (offset_bytes // BLOCK_BYTES), 0)

    def note(self, offset_bytes: int, size_bytes: int) -> None:
        """A block is there once its last byte is: the first of a continued file may begin in the middle of one."""
        if (offset_bytes + size_bytes) % BLOCK_BYTES == 0 or offset_bytes + size_bytes == self._size_bytes:
            os.pwrite(self._file, b"\1", offset_bytes // BLOCK_BYTES)

    def is_full(self) -> bool:
        return _leading(os.pread(self._file, _blocks(self._size_bytes), 0)) == _blocks(self._size_bytes)

    def close(self) -> None:
        os.close(self._file)


class Leftover(NamedTuple):
    """A file on its way that nobody writes now, or somebody (`held`)."""

    digest: str
    size_bytes: int
    written_ns: int
    held: bool


def leftovers(places: Places) -> List[Leftover]:
    """The files that are on their way, in no order."""
    found = []
    for entry in os.scandir(places.incoming):
        if entry.name.endswith(".part"):
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                held = is_held(_beside(entry.path, ".lock"))
                # With lanes the file has its full length from the start: what it takes is what counts.
                used_bytes = min(status.st_size, status.st_blocks * 512)
                found.append(Leftover(entry.name[: -len(".part")], used_bytes, status.st_mtime_ns, held))
    return found


def partial(places: Places, digests: List[str]) -> Dict[str, int]:
    """How much of these came already, where something did."""
    found = {}
    for digest in digests:
        path = os.path.join(places.incoming, check_digest(digest) + ".part")
        with contextlib.suppress(OSError):
            whole_bytes = _whole_bytes(path, None)
            if whole_bytes:
                found[digest] = whole_bytes
    return found


def is_part(name: str) -> bool:
    return name.endswith(_ENDINGS)


def drop(places: Places, digest: str) -> None:
    """Remove what came of a file."""
    path = os.path.join(places.incoming, digest + ".part")
    for ending in _ENDINGS:
        remove_quietly(_beside(path, ending))


def clear(places: Places, older_than_s: float) -> None:
    """Remove what nobody writes and nobody went on with for so long, and what belongs to no part any more."""
    for one in leftovers(places):
        if not one.held and time.time() - one.written_ns / 1e9 >= older_than_s:
            drop(places, one.digest)
    for name in os.listdir(places.incoming):
        path = os.path.join(places.incoming, name)
        orphan = is_part(name) and not os.path.exists(_beside(path, ".part"))
        if orphan and not is_held(_beside(path, ".lock")):
            remove_quietly(path)


def is_held(lock: str) -> bool:
    """Does a process hold this lock file?"""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def start_writing(descriptor: int, offset_bytes: int, size_bytes: int) -> None:
    """Have the disk write this part now, while the next one comes. The kernel would leave much of it for the sync at
    the end, which is the longer the slower the disk is.

    "Not needed" is how Linux is told: it starts writing what is not on the disk yet, and forgets only what is.
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, offset_bytes, size_bytes, os.POSIX_FADV_DONTNEED)


def write_block(descriptor: int, offset_bytes: int, data: Piece, size_bytes: int) -> None:
    if offset_bytes + len(data) > size_bytes:
        raise Broken("a frame beyond the end of the file")
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset_bytes)
        view, offset_bytes = view[count:], offset_bytes + count


def _take(path: str, named: bool) -> int:
    """The held lock file, with our name in it; whoever held it, or wrote for one that did, is gone then."""
    until = time.monotonic() + _TAKE_OVER_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _end_writers(descriptor, until)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its former holder may have removed it between our opening and locking it.
            if os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path)):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _own_name() if named else b"", 0)
                return descriptor
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(descriptor)
                raise Held("another receiver holds %s" % path) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        time.sleep(0.02)


def _end_writers(descriptor: int, until: float) -> None:
    for pid, ticks in _names(os.pread(descriptor, 1 << 16, 0)):
        while pid != os.getpid() and start_ticks(pid) == ticks and time.monotonic() < until:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def _own_name() -> bytes:
    return b"%d %d %s\n" % (os.getpid(), start_ticks(os.getpid()) or 0, _boot_id())


def _boot_id() -> bytes:
    return (read_text("/", "/proc/sys/kernel/random/boot_id") or "-").encode("ascii", "replace")


def _names(text: bytes) -> List[Tuple[int, int]]:
    """Process and start of each that is named; those of an earlier boot mean nobody."""
    found, boot_id = re.findall(rb"^(\d+) (\d+) (\S+)$", text, re.MULTILINE), _boot_id()
    return [(int(pid), int(ticks)) for pid, ticks, boot in found if boot == boot_id]


def _whole_bytes(path: str, size_bytes: Optional[int]) -> int:
    """How much of the file's beginning is there; more than the whole is nothing."""
    length_bytes = os.stat(path).st_size
    try:
        with open(_beside(path, ".map"), "rb") as file:
            came = min(length_bytes, _leading(file.read()) * BLOCK_BYTES)
    except OSError:
        came = length_bytes
    return 0 if size_bytes is not None and came > size_bytes else came


def _leading(flags: bytes) -> int:
    return len(flags) - len(flags.lstrip(b"\1"))


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES)


def _beside(path: str, ending: str) -> str:
    return os.path.splitext(path)[0] + ending


def _hash_of(descriptor: int, size_bytes: int, breathe: Breathe = lambda: None) -> Any:
    running, at = hashlib.sha256(), 0
    while at < size_bytes:
        breathe()
        data = os.pread(descriptor, min(_READ_BYTES, size_bytes - at), at)
        if not data:
            break
        running.update(data)
        at += len(data)
    return running
