"""Results in files and pipes: written while they are read, so that any number of runs fits into memory."""

import sys
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import DiskFull, UsageError
from orchestrator.report.output import FULL, print_bytes


def check_parquet_goes_to_a_file(output_format: str, output: Path | None) -> None:
    """`UsageError` for Parquet on a terminal."""
    if output is None and output_format == "parquet" and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("Parquet is not for the terminal", "add --output results.parquet")


def write_parts(parts: Iterable[bytes], output: Path | None) -> None:
    """Write piece after piece to a file or to standard output. `DiskFull`, `UsageError`.

    The file is opened with the first piece: a question that cannot be answered leaves what is there.
    """
    if output is None:
        for part in parts:
            print_bytes(part)
        return
    try:
        rest = iter(parts)
        first = next(rest, b"")
        with output.open("wb") as file:
            file.write(first)
            for part in rest:
                file.write(part)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"{output}: no room left to write it", "make room and try again") from None
        raise UsageError(f"{output}: cannot be written: {error.strerror}", "name another file") from None
