"""Writing the file of a data set: equal contents give equal bytes, and nothing half-written lies under its name."""

import binascii
import errno
import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agent.datasets_line import FORMAT, LONGEST_LINE_BYTES, VERSION, ArraySpec, Description, aligned
from agent.runtimes.arrays import ITEM_BYTES
from orchestrator.errors import DiskFull, UsageError
from orchestrator.yaml.document import shown_path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Column(NamedTuple):
    """An array to be written: C-ordered little-endian bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes


def placed(columns: Sequence[Column]) -> list[ArraySpec]:
    """Where each array lies behind the line: in order, each at the next multiple of the alignment."""
    arrays, end_bytes = [], 0
    for column in columns:
        if len(column.data) != ITEM_BYTES[column.dtype] * math.prod(column.shape):
            raise ValueError(f"{column.name}: {len(column.data)} bytes for {column.shape} of {column.dtype}")
        start_bytes = aligned(end_bytes)
        checksum = binascii.crc32(column.data)
        arrays.append(ArraySpec(column.name, column.dtype, list(column.shape), start_bytes, checksum))
        end_bytes = start_bytes + len(column.data)
    return arrays


def line_of(description: Description) -> bytes:
    """The line: JSON with sorted keys and no spaces, filled with spaces so that the arrays behind it are aligned.

    `UsageError` where it would be longer than readers take (names and sources of tens of kilobytes).
    """
    tokens = description.tokens
    plain = {
        "format": FORMAT,
        "version": VERSION,
        **description._asdict(),
        "tokens": None if tokens is None else tokens._asdict(),
        "arrays": [array._asdict() for array in description.arrays],
    }
    text = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")
    size_bytes = aligned(len(text) + 1)
    if size_bytes > LONGEST_LINE_BYTES:
        raise UsageError(
            f"data set {description.name[:40]!r}: its description has {len(text)} bytes, and {LONGEST_LINE_BYTES} fit",
            "shorten its name, source or the names of its classes",
        )
    return text + b" " * (size_bytes - len(text) - 1) + b"\n"


def write_file(path: Path, description: Description, columns: Sequence[Column]) -> None:
    """Put the file in its place, all or nothing. `DiskFull`, `UsageError`."""
    temporary = ""
    try:
        number, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        with os.fdopen(number, "wb") as file:
            file.writelines(_parts(description, columns))
            file.flush()
            os.fsync(number)
            os.fchmod(number, 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if error.errno in _FULL:
            fault: DiskFull | UsageError = DiskFull(
                f"{shown_path(path)}: no room left to write it", "make room and try again"
            )
        else:
            fault = UsageError(
                f"{shown_path(path)}: cannot be written: {error.strerror}", "check the folder and its permissions"
            )
        raise fault from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _parts(description: Description, columns: Sequence[Column]) -> Iterator[bytes]:
    yield line_of(description)
    end_bytes = 0
    for column, array in zip(columns, description.arrays, strict=True):
        yield bytes(array.offset_bytes - end_bytes)
        yield column.data
        end_bytes = array.offset_bytes + len(column.data)
