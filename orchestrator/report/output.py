"""Standard output, whatever became of it: closed, full, with a reader that has enough, or with a poor encoding."""

import errno
import os
import sys
from typing import Any

from orchestrator.errors import DiskFull, UsageError
from orchestrator.report.characters import FALLBACK

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def soften_streams() -> None:
    """From now on what a stream cannot encode is shown plainer instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=FALLBACK)


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
    """A reader that has enough (head, less) is no fault: the command goes on in silence, and its exit code stays
    that of its work. Everything else is said."""
    _into_the_void()
    if isinstance(error, BrokenPipeError):
        return
    if error.errno in FULL:
        raise DiskFull("standard output: no room left to write it", "make room, or send it elsewhere") from None
    raise UsageError(f"standard output: cannot be written: {error.strerror}", "send it elsewhere") from None


def _into_the_void() -> None:
    """What is still buffered would fail once more when Python flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
