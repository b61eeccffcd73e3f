"""The trainer's process: an order as JSON on standard input, steps as JSON lines on standard output."""

import sys
from collections.abc import Callable
from pathlib import Path

from orchestrator.apart.child import answer
from orchestrator.apart.steps import Failed
from orchestrator.errors import DiskFull, DynofarmError
from orchestrator.training.orders import Order
from orchestrator.training.places import cannot_write
from orchestrator.training.steps import Step, to_line


def main() -> int:
    """Carry the order out; the last line tells how it ended."""
    return answer(_train, to_line)


def _train(text: str, tell: Callable[[Step], None]) -> Failed | None:
    order = Order.from_json(text)
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
