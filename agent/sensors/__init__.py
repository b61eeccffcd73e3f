"""What the kernel tells of a board, read below a `root`, so that tests run on recorded trees.

Every source is optional: what is not there, or says nonsense, is None or absent, never 0 and never a guess.
"""

import glob
import math
import os
from typing import List, Optional

READ_BYTES = 1 << 16
_MOST_DIGITS = 20


def read_bytes(root: str, path: str) -> Optional[bytes]:
    """The content of a small file of /proc or /sys; None when it cannot be read."""
    try:
        descriptor = os.open(root.rstrip("/") + path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        parts: List[bytes] = []
        while True:
            part = os.read(descriptor, READ_BYTES)
            if not part:
                return b"".join(parts)
            parts.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_text(root: str, path: str) -> Optional[str]:
    """The same as text, without white space and NUL at its ends; None also when nothing is left."""
    content = read_bytes(root, path)
    if content is None:
        return None
    return content.decode("utf-8", "replace").strip(" \t\r\n\0") or None


def read_int(root: str, path: str) -> Optional[int]:
    """One whole number; None when there is none."""
    return to_int(read_text(root, path))


def to_int(text: Optional[str]) -> Optional[int]:
    """A whole number of at most 64 bits, as the kernel writes them; None for all else."""
    if text is None or len(text) > _MOST_DIGITS:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def to_float(text: Optional[str]) -> Optional[float]:
    """A number that is one: None also for `nan` and `inf`, which JSON does not know."""
    try:
        number = None if text is None else float(text)
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def matches(root: str, pattern: str) -> List[str]:
    """The paths below `root` that match, without `root`, in natural order (zone2 before zone10)."""
    prefix = root.rstrip("/")
    found = [path[len(prefix) :] for path in glob.glob(glob.escape(prefix) + pattern)]
    return sorted(found, key=lambda path: (len(path), path))
