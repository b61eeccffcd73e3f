"""The compiler's process: an order as JSON on standard input, steps as JSON lines on standard output."""

import errno
import sys
from collections.abc import Callable

from orchestrator.apart.child import answer
from orchestrator.apart.steps import Failed
from orchestrator.compiling.orders import order_from_json
from orchestrator.compiling.steps import Step, to_line
from orchestrator.errors import DynofarmError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main() -> int:
    """Carry out the order; the last line tells how it ended."""
    return answer(_compile, to_line)


def _compile(text: str, tell: Callable[[Step], None]) -> Failed | None:
    order = order_from_json(text)
    try:
        from orchestrator.compiling.compiler import compile_model

        compile_model(order, tell)
    except ModuleNotFoundError as error:
        return Failed("missing", error.name or "a package", "")
    except MemoryError:
        return Failed("memory", "", "")
    except OSError as error:
        kind = "disk_full" if error.errno in _NO_ROOM else "refused"
        return Failed(
            kind, f"{error.filename or order.place}: {error.strerror}", "check the folder and its permissions"
        )
    except DynofarmError as error:
        return Failed("refused", error.message, error.hint)
    return None


if __name__ == "__main__":
    sys.exit(main())
