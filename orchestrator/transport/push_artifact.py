"""A file that is pushed: opened once for all boards, read through the page cache, compressed at most once.

It is read with `pread` from one descriptor, not mapped: a mapped file that somebody shortens kills the whole process
(SIGBUS), while a read only comes up short.
"""

import os
import tempfile
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.protocol import BLOCK_BYTES
from orchestrator.errors import ModelError

LEVEL = 1
"""zstd's fastest: weights gain nothing from a higher one, and a link waits for nobody."""
LEAST_RATIO = 1.3
"""Below it, what the link saves is not worth the work at both ends: weights reach 1.1, text and sparse ones 2 to 50."""
Identity = tuple[int, int, int, int]
"""Device, inode, size and time of the last change: what says that a file is still the one that was opened."""


@dataclass(frozen=True)
class Probe:
    """What compressing its first block told: the ratio, and how fast it went (bytes of the file per second)."""

    ratio: float
    bytes_s: float

    @property
    def pays(self) -> bool:
        return self.ratio > LEAST_RATIO


class Artifact:
    """One file while it is being pushed. Any number of threads may read it."""

    def __init__(self, path: Path) -> None:
        """Opens it. OSError."""
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self._file)
        self.identity = _identity(os.fstat(self._file))
        self.size_bytes = os.fstat(self._file).st_size
        self._packing = threading.Lock()
        self._packed: _Packed | None = None
        self._probe: Probe | None = None

    def check_size(self, size_bytes: int) -> None:
        """`ModelError` when it has another size than it had when its hash was taken."""
        if self.size_bytes != size_bytes:
            raise ModelError(
                f"{self.path} has {self.size_bytes} bytes; it had {size_bytes} when it was added",
                f"the file changed; add it again: dynofarm model add {self.path}",
            )

    def read(self, at: int, buffer: memoryview) -> None:
        """Fill the buffer with what begins at `at`. `ModelError` when the file changed since it was opened."""
        if _identity(os.fstat(self._file)) != self.identity or os.preadv(self._file, [buffer], at) != len(buffer):
            raise ModelError(
                f"{self.path} changed while it was being sent", f"add it again: dynofarm model add {self.path}"
            )

    def probe(self) -> Probe:
        """Compress the first block, once. `ModelError` as `read`."""
        with self._packing:
            if self._probe is None:
                size_bytes = min(BLOCK_BYTES, self.size_bytes)
                began = time.perf_counter()
                packed_bytes = len(self._pack(0, size_bytes)) if size_bytes else 1
                self._probe = Probe(size_bytes / packed_bytes, size_bytes / max(1e-9, time.perf_counter() - began))
            return self._probe

    def packed(self, at: int, size_bytes: int) -> bytes | None:
        """The block that begins at `at` as one zstd frame; None where that is no smaller. `ModelError` as `read`.

        Made once and kept in a temporary file for the other boards.
        """
        with self._packing:
            if self._packed is None:
                self._packed = _Packed()
            kept = self._packed.get(at)
            if kept is None:
                data = self._pack(at, size_bytes)
                kept = data if len(data) < size_bytes else b""
                self._packed.keep(at, kept)
            return kept or None

    def close(self) -> None:
        self._close()
        if self._packed is not None:
            self._packed.close()

    def _pack(self, at: int, size_bytes: int) -> bytes:
        from zstandard import ZstdCompressor

        buffer = memoryview(bytearray(size_bytes))
        self.read(at, buffer)
        return ZstdCompressor(level=LEVEL).compress(buffer)


class _Packed:
    """Compressed blocks in a file without a name. A full disk only costs the work of compressing them again."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        descriptor, name = tempfile.mkstemp(prefix="dynofarm-")
        Path(name).unlink()
        self._file = descriptor
        self.close = weakref.finalize(self, os.close, descriptor)

    def get(self, at: int) -> bytes | None:
        place = self._places.get(at)
        return None if place is None else os.pread(self._file, place[1], place[0])

    def keep(self, at: int, data: bytes) -> None:
        try:
            count = os.pwrite(self._file, data, self._end) if data else 0
        except OSError:
            return
        if count == len(data):
            self._places[at] = (self._end, count)
            self._end += count


class Artifacts:
    """The files of a sweep while they are pushed, each opened once for all boards that take it at the time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Artifact] = {}
        self._users: Counter[str] = Counter()
        self._seen: dict[str, Identity] = {}

    @contextmanager
    def lend(self, digest: str, path: Path) -> Iterator[Artifact]:
        """The open file. OSError. `ModelError` when it changed since the first board asked for it."""
        with self._lock:
            artifact = self._open.get(digest) or Artifact(path)
            if self._seen.setdefault(digest, artifact.identity) != _identity(path.stat()):
                if digest not in self._open:
                    artifact.close()
                raise ModelError(f"{path} changed since the sweep began", f"add it again: dynofarm model add {path}")
            self._open[digest] = artifact
            self._users[digest] += 1
        try:
            yield artifact
        finally:
            with self._lock:
                self._users[digest] -= 1
                if not self._users[digest]:
                    self._open.pop(digest).close()


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
