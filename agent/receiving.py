"""The verb `receive`: one pushed file from standard input, one line as the answer."""

import os
import sys
from typing import Any

from agent import blobs
from agent.channel import take_stdout
from agent.places import Places
from agent.protocol import Error, WireError, encode


def receive(work_dir: str, digest: str, size_bytes: int) -> int:
    """Keep what comes under its hash; 0 when it is there, 1 when the answer is an `Error`."""
    answer_fd = take_stdout()
    answer = _answer(Places(work_dir), digest, size_bytes)
    os.write(answer_fd, encode(answer))
    return 1 if isinstance(answer, Error) else 0


def _answer(places: Places, digest: str, size_bytes: int) -> Any:
    try:
        places.make()
        return blobs.receive(places, digest, size_bytes, sys.stdin.fileno())
    except blobs.BlobFault as fault:
        return fault.error
    except WireError as error:
        return Error("protocol", str(error))
    except OSError as error:
        code = "disk_full" if error.errno in blobs.NO_ROOM else "internal"
        return Error(code, "cannot keep a file in %s: %s" % (places.root, error))
