"""Writing small files whole: a new one never over an old one, a changed one in a single step."""

import errno
import os
import tempfile
from pathlib import Path

from orchestrator.errors import DiskFull, UsageError
from orchestrator.yaml.document import shown_path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def create_file(path: Path, text: str) -> None:
    """Write a file that does not exist yet. `UsageError` when it does; `DiskFull`; nothing half is left behind."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise UsageError(f"{shown_path(path)}: exists already and is not overwritten", "choose another name") from None
    except OSError as error:
        raise _told(path, error) from None
    try:
        _write(number, text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _told(path, error) from None
    finally:
        os.close(number)


def replace_file(path: Path, text: str) -> None:
    """Put a text in the place of a file, all or nothing; its permissions stay. `DiskFull`, `UsageError`."""
    target = path.resolve()  # a symbolic link stays one
    temporary = ""
    try:
        number, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            _write(number, text)
            os.fchmod(number, target.stat().st_mode & 0o7777)
        finally:
            os.close(number)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise _told(path, error) from None


def _write(number: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(number, data) :]
    os.fsync(number)


def _told(path: Path, error: OSError) -> DiskFull | UsageError:
    if error.errno in _FULL:
        return DiskFull(f"{shown_path(path)}: no room left to write it", "make room and try again")
    return UsageError(
        f"{shown_path(path)}: cannot be written: {error.strerror}", "check the folder and its permissions"
    )
