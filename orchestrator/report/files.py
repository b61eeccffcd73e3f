"""Results in files and pipes: written while they are read, so that any number of runs fits into memory."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import DiskFull, UsageError
from orchestrator.export.files import BINARY
from orchestrator.report.output import FULL, print_bytes


def check_parquet_goes_to_a_file(output_format: str, output: Path | None) -> None:
    """`UsageError` for Parquet or Arrow on a terminal."""
    if output is None and output_format in BINARY and sys.stdout is not None and sys.stdout.isatty():
        named = {"parquet": "Parquet", "arrow": "Arrow"}[output_format]
        raise UsageError(f"{named} is not for the terminal", f"add --output results.{output_format}")


def write_parts(parts: Iterable[bytes], output: Path | None) -> None:
    """Write piece after piece to a file or to standard output. `DiskFull`, `UsageError`.

    A file has its name once it is whole: what goes wrong on the way, `kill -9` included, leaves what was there. It is
    opened with the first piece.
    """
    if output is None:
        for part in parts:
            print_bytes(part)
        return
    rest = iter(parts)
    first = next(rest, b"")
    try:
        if output.exists() and not output.is_file():  # a pipe, a terminal, /dev/stdout
            _write(output, first, rest)
        else:
            _write_whole(output.resolve(), first, rest)  # a symbolic link stays one
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"{output}: no room left to write it", "make room and try again") from None
        raise UsageError(f"{output}: cannot be written: {error.strerror}", "name another file") from None


def _write_whole(target: Path, first: bytes, rest: Iterable[bytes]) -> None:
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    number, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    temporary = Path(name)
    try:
        os.close(number)
        _write(temporary, first, rest)
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(path: Path, first: bytes, rest: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.write(first)
        for part in rest:
            file.write(part)


def _umask() -> int:
    """There is no way to look at it without setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
