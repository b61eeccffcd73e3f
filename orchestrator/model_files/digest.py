"""The identity of a file: SHA-256 and size in one pass, whatever its size, in constant memory."""

import hashlib
import stat
from pathlib import Path
from typing import NamedTuple

_CHUNK_BYTES = 2**20


class FileDigest(NamedTuple):
    digest: str
    size_bytes: int


def regular_size(path: Path) -> int:
    """The bytes of a regular file. `OSError`; `ValueError` for a pipe or a device, which might never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("not a regular file")
    return found.st_size


def digest_file(path: Path) -> FileDigest:
    """Read a regular file once. `OSError` where it cannot be read; `ValueError` where it is no regular file.

    A pipe or a device is refused before it is read: it might never end.
    """
    regular_size(path)
    digest = hashlib.sha256()
    size_bytes = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return FileDigest(digest.hexdigest(), size_bytes)
