"""The folder that is made, and the one beside it in which work goes on. The first appears when it is complete."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import DiskFull, DynofarmError, UsageError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

BASE, RESULT, LOCK = "base", "result", "lock"


def working_folder(folder: Path) -> Path:
    """Where the state of an unfinished training lies."""
    return folder.with_name(f"{folder.name}.unfinished")


@contextmanager
def hold(folder: Path, *, restart: bool) -> Iterator[Path]:
    """The working folder, for this process alone; `restart` empties it. `DynofarmError` where another one has it,
    `UsageError` where the folder to be made is there already, or where nothing can be written."""
    if folder.exists():
        raise UsageError(f"{folder} is there already", "name another folder with -o, or move it away")
    work = working_folder(folder)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / LOCK).open("ab")
    except OSError as error:
        raise cannot_write(work, error) from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DynofarmError(f"{folder}: another process trains it at this moment", "wait until it ends") from None
        for path in work.iterdir():
            if path.name != LOCK and (restart or path.name in (BASE, RESULT)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (work / BASE).mkdir()
        yield work


def cannot_write(folder: Path, error: OSError) -> DynofarmError:
    """The error for a folder that takes no more."""
    if error.errno in NO_ROOM:
        return DiskFull(f"{folder}: no room left", "make room, then say the same words again: it goes on where it was")
    return UsageError(f"{folder}: cannot be written: {error.strerror}", "check the folder and its permissions")


def publish(work: Path, folder: Path) -> None:
    """Give the complete result its name, and clear the working folder away."""
    result = work / RESULT
    for path in result.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    result.rename(folder)
    shutil.rmtree(work, ignore_errors=True)
