"""The trainer's process: an order as JSON on standard input, steps as JSON lines on standard output."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from orchestrator.errors import DiskFull, DynofarmError
from orchestrator.training.orders import Order
from orchestrator.training.places import cannot_write
from orchestrator.training.steps import Failed, Step, to_line

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> int:
    """Carry the order out; the last line tells how it ended."""
    # The folder's lock is held by whoever started this: it must not go on when that is gone.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    channel = _own_stdout()

    def tell(step: Step) -> None:
        channel.write(to_line(step) + "\n")
        channel.flush()

    failed = _train(Order.from_json(sys.stdin.read()), tell)
    if failed is not None:
        tell(failed)
    return 0 if failed is None else 1


def _own_stdout() -> TextIO:
    """Keep descriptor 1 for the steps, and send whatever libraries print to standard error."""
    mine = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(mine, "w", encoding="utf-8")


def _train(order: Order, tell: Callable[[Step], None]) -> Failed | None:
    try:
        from orchestrator.training.trainer import run_order

        run_order(order, tell)
    except ModuleNotFoundError as error:
        return Failed("missing", error.name or "a package", "")
    except MemoryError:
        return Failed("memory", f"{order.name}: there is not enough memory", "take a smaller --batch or --length")
    except OSError as error:
        told = cannot_write(Path(error.filename or order.folder), error)
        return Failed("disk_full" if isinstance(told, DiskFull) else "refused", told.message, told.hint)
    except DynofarmError as error:
        return Failed("refused", error.message, error.hint)
    return None


if __name__ == "__main__":
    sys.exit(main())
