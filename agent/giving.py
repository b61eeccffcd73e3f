"""The verb `give`: a file of this board to standard output, for a neighbour that fetches it, and nothing but that.

It takes no lock: what lies under its digest never changes, and an open file can be read to its end even when it is
evicted meanwhile. Little is imported: one of these starts for every neighbour.
"""

import os
import select
import sys

from agent.places import Places
from agent.wire import WireError

CHUNK_BYTES = 1 << 18
STALL_LIMIT_S = 30.0
"""A neighbour that takes nothing for so long has gone."""
MISSING = 3
"""The exit code when the file is not here."""


def give(work_dir: str, digest: str, offset_bytes: int = 0) -> int:
    """Write the file from `offset_bytes` on; 0 when all of it was taken, `MISSING` when there is none."""
    try:
        path = Places(work_dir).blob(digest)
        with open(path, "rb", buffering=0) as file:
            os.utime(path)  # used just now: the last to be evicted
            file.seek(offset_bytes)
            os.set_blocking(1, False)
            for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
                _write(1, chunk)
    except (FileNotFoundError, WireError):
        sys.stderr.write("the relay does not have %s\n" % digest[:12])
        return MISSING
    except (OSError, ValueError) as error:
        sys.stderr.write("the relay cannot give %s: %s\n" % (digest[:12], error))
        return 1
    return 0


def _write(descriptor: int, data: bytes) -> None:
    """OSError when the neighbour has gone, or takes nothing for too long."""
    view = memoryview(data)
    while view:
        _, ready, _ = select.select([], [descriptor], [], STALL_LIMIT_S)
        if not ready:
            raise TimeoutError("nothing was taken for %g s" % STALL_LIMIT_S)
        view = view[os.write(descriptor, view) :]
