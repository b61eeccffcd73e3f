"""The builder's process: an order as JSON on standard input, steps as JSON lines on standard output."""

import errno
import sys
import tempfile
from collections.abc import Callable

from orchestrator.apart.child import answer
from orchestrator.apart.steps import Failed
from orchestrator.errors import DynofarmError
from orchestrator.zoo.orders import order_from_json
from orchestrator.zoo.shelf import SCRATCH, Busy
from orchestrator.zoo.steps import Step, to_line

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main() -> int:
    """Build the order; the last line tells how it ended."""
    return answer(_build, to_line)


def _build(text: str, tell: Callable[[Step], None]) -> Failed | None:
    order = order_from_json(text)
    # What the converters leave behind when they are killed lies where the next builder clears it away.
    tempfile.tempdir = str(order.folder / SCRATCH)
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
