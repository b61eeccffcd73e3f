"""What native code prints instead of telling its caller: some runtimes give a reason nowhere else."""

import ctypes
import os
import sys
import tempfile
from types import TracebackType
from typing import List, Optional, Type

_MOST_BYTES = 1 << 16


class Overheard:
    """Collects what is printed while it is open, by C as by Python. What was heard goes on to standard error, where the
    worker's log is kept."""

    def __init__(self) -> None:
        self.lines: List[str] = []

    def __enter__(self) -> "Overheard":
        _flush()
        self._file = tempfile.TemporaryFile()
        self._kept = [os.dup(1), os.dup(2)]
        for descriptor in (1, 2):
            os.dup2(self._file.fileno(), descriptor)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        _flush()
        for descriptor, kept in zip((1, 2), self._kept):
            os.dup2(kept, descriptor)
            os.close(kept)
        self._file.seek(0)
        text = self._file.read(_MOST_BYTES).decode(errors="replace")
        self._file.close()
        self.lines += [line.strip() for line in text.splitlines() if line.strip()]
        sys.stderr.write(text)


def _flush() -> None:
    """Python's own buffers, and C's: those of a file are written when they are full."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)
