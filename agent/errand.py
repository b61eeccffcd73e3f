"""Requests on standard input, answers on standard output: beside the session, and without the board's lock.

A request is sent when the one before it was answered.
"""

import contextlib
import os
import sys
from typing import Any, Callable, Sequence

from agent.blobs import NO_ROOM, BlobFault
from agent.channel import take_stdout
from agent.places import Places
from agent.protocol import Error, WireError, decode, encode

_LINE_LIMIT_BYTES = 1 << 24

Say = Callable[[Any], None]


def run_errand(work_dir: str, kinds: Sequence[type], action: Callable[[Places, Any, Say], Any]) -> int:
    """Do what is asked for, if it is of these kinds, request after request until the input ends; the exit code.

    `action` may say more before it returns the answer. 1: the last answer was an `Error`.
    """
    answer_fd = take_stdout()
    answer: Any = None

    def say(message: Any) -> None:
        with contextlib.suppress(OSError):  # whoever asked has gone; what came of it is on the disk
            os.write(answer_fd, encode(message))

    for line in iter(lambda: sys.stdin.buffer.readline(_LINE_LIMIT_BYTES), b""):
        answer = _answer(Places(work_dir), kinds, line, lambda places, request: action(places, request, say))
        say(answer)
    return 1 if isinstance(answer, Error) else 0


def _answer(places: Places, kinds: Sequence[type], line: bytes, action: Callable[[Places, Any], Any]) -> Any:
    try:
        request = decode(line)
        if type(request) not in kinds:
            wanted = " or ".join(kind.__name__.lower() for kind in kinds)
            return Error("protocol", "expected %s, found %s" % (wanted, type(request).__name__.lower()))
        places.make()
        return action(places, request)
    except BlobFault as fault:
        return fault.error
    except WireError as error:
        return Error("protocol", str(error))
    except OSError as error:
        code = "disk_full" if error.errno in NO_ROOM else "internal"
        return Error(code, "the work folder %s cannot be used: %s" % (places.root, error))
