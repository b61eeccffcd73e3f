"""The builder's process: an order as JSON on standard input, steps as JSON lines on standard output."""

import ctypes
import errno
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import TextIO

from orchestrator.errors import DynofarmError
from orchestrator.zoo.orders import Order, order_from_json
from orchestrator.zoo.shelf import SCRATCH, Busy
from orchestrator.zoo.steps import Failed, Step, to_line

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main() -> int:
    """Build the order; the last line tells how it ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    channel = _own_stdout()
    order = order_from_json(sys.stdin.read())
    # What the converters leave behind when they are killed lies where the next builder clears it away.
    tempfile.tempdir = str(order.folder / SCRATCH)

    def tell(step: Step) -> None:
        channel.write(to_line(step) + "\n")
        channel.flush()

    failed = _build(order, tell)
    if failed is not None:
        tell(failed)
    return 0 if failed is None else 1


def _own_stdout() -> TextIO:
    """Keep descriptor 1 for the steps, and send whatever the converters print to standard error."""
    mine = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(mine, "w", encoding="utf-8")


def _build(order: Order, tell: Callable[[Step], None]) -> Failed | None:
    try:
        from orchestrator.zoo.builder import build

        build(order, tell)
    except ModuleNotFoundError as error:
        return Failed("missing", error.name or "a package", "")
    except MemoryError:
        return Failed("memory", "", "")
    except OSError as error:
        kind = {errno.ENOMEM: "memory", **dict.fromkeys(_NO_ROOM, "disk_full")}.get(error.errno or 0, "refused")
        return Failed(
            kind, f"{error.filename or order.folder}: {error.strerror}", "check the folder and its permissions"
        )
    except DynofarmError as error:
        return Failed("busy" if isinstance(error, Busy) else "refused", error.message, error.hint)
    return None


if __name__ == "__main__":
    sys.exit(main())
