"""The two streams, whatever became of them: closed, full, with a reader that has enough, or with a poor encoding."""

import errno
import os
import stat
import sys
from typing import Any, TextIO, cast

from orchestrator.errors import DiskFull, UsageError
from orchestrator.report.characters import FALLBACK

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Aside:
    """Standard error for a long sweep: when nobody can read it any more, the words are lost and the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            _into_the_void(2)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            _into_the_void(2)


def soften_streams() -> None:
    """From now on what a stream cannot encode is shown plainer instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=FALLBACK)


def outlive_stderr() -> None:
    """From now on a standard error that breaks ends nothing."""
    if sys.stderr is not None and not isinstance(sys.stderr, Aside):
        sys.stderr = cast(TextIO, Aside(sys.stderr))


def speaks_unicode() -> bool:
    """Whether standard output takes any character."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def print_text(text: str) -> None:
    """Text for standard output, as it is. `DiskFull`, `UsageError` where it cannot be written."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        meet(error)


def print_bytes(data: bytes) -> None:
    """The same for what is encoded already."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        meet(error)


def meet(error: OSError) -> None:
    """A reader that has enough (head, less) and a closed terminal are no faults: the command goes on in silence, and
    its exit code stays that of its work. Everything else is said."""
    gone = isinstance(error, BrokenPipeError) or _is_closed_terminal(error)
    _into_the_void(1)
    if gone:
        return
    if error.errno in FULL:
        raise DiskFull("standard output: no room left to write it", "make room, or send it elsewhere") from None
    raise UsageError(f"standard output: cannot be written: {error.strerror}", "send it elsewhere") from None


def _is_closed_terminal(error: OSError) -> bool:
    return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(1).st_mode)


def _into_the_void(number: int) -> None:
    """What is still buffered would fail once more when Python flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
