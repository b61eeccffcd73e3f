"""Lines in and lines out: bounded on the way in, never blocking on the way out.

A stalled link must not stop the deadline of a job or the sampling; so what goes out waits in a buffer here until
the link takes it.
"""

import os
from typing import List, Optional, Union

from agent.protocol import MAX_LINE_BYTES, WireError

READ_BYTES = 1 << 16


def take_stdout() -> int:
    """Keep descriptor 1 under another number for our own lines and point descriptor 1 at standard error.

    After this no `print` and no native library can break the stream. Returns the new descriptor, close-on-exec.
    """
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


class LineReader:
    """Cuts bytes into lines; `feed` never holds more than one line of at most `limit_bytes`.

    A line that is longer comes out as a `WireError` in the list, in its place, and its rest is thrown away.
    """

    def __init__(self, limit_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._parts: List[bytes] = []
        self._size_bytes = 0
        self._skipping = False

    @property
    def is_in_a_line(self) -> bool:
        """Is there something whose newline has not come?"""
        return self._skipping or bool(self._parts)

    def feed(self, data: bytes) -> List[Union[bytes, WireError]]:
        """The lines that `data` completes, without their newlines, in order."""
        lines: List[Union[bytes, WireError]] = []
        pieces = data.split(b"\n")
        for index, piece in enumerate(pieces):
            ends_here = index < len(pieces) - 1
            self._keep(piece, lines)
            if ends_here:
                if not self._skipping:
                    lines.append(b"".join(self._parts))
                self._forget()
                self._skipping = False
        return lines

    def rest(self) -> bytes:
        """What came after the last newline."""
        return b"".join(self._parts)

    def _keep(self, piece: bytes, lines: List[Union[bytes, WireError]]) -> None:
        if self._skipping or not piece:
            return
        self._parts.append(piece)
        self._size_bytes += len(piece)
        if self._size_bytes > self._limit_bytes:
            lines.append(WireError("a line of more than %d bytes was thrown away" % self._limit_bytes))
            self._forget()
            self._skipping = True

    def _forget(self) -> None:
        self._parts = []
        self._size_bytes = 0


class Outgoing:
    """A buffer before a descriptor that is made non-blocking here. `broken` says that the reader has gone."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.broken = False
        self._waiting = bytearray()

    @property
    def waiting_bytes(self) -> int:
        return len(self._waiting)

    def send(self, data: bytes) -> None:
        """Write what the link takes now and keep the rest for `flush`."""
        if not self.broken:
            self._waiting += data
            self.flush()

    def flush(self) -> None:
        """Write as much as the link takes without waiting."""
        sent_bytes = 0
        with memoryview(self._waiting) as view:
            while sent_bytes < len(view):
                taken_bytes = self._write(view[sent_bytes : sent_bytes + READ_BYTES])
                if taken_bytes == 0:
                    break
                sent_bytes += taken_bytes
        del self._waiting[:sent_bytes]
        if self.broken:
            self._waiting.clear()

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0
        except OSError:
            self.broken = True
            return 0


def read_some(descriptor: int) -> Optional[bytes]:
    """What a non-blocking descriptor has; b"" at its end (or when it is broken), None when nothing waits."""
    try:
        return os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
