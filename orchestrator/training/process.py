"""Starts the trainer, a process of its own with torch in it, and hears what it tells."""

import signal
import sys
from collections.abc import Callable

from orchestrator.apart.parent import run_apart
from orchestrator.apart.steps import Failed
from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable
from orchestrator.training.orders import Order
from orchestrator.training.steps import Finished, Step, from_line

INSTALL = "pip install 'dynofarm[zoo]'"
_KINDS: dict[str, type[DynofarmError]] = {
    "disk_full": DiskFull,
    "memory": RuntimeUnavailable,
    "refused": ModelError,
}


def run_trainer(order: Order, notify: Callable[[Step], None], python: str = sys.executable) -> None:
    """Have an order carried out; `notify` hears each step. Raises what the trainer says, and one sentence when it dies.

    The trainer ends when this process does, however that ends; what it has learnt is kept.
    """
    ended = run_apart("orchestrator.training", order.to_json(), from_line, notify, python, {})
    last = ended.last
    if isinstance(last, Failed):
        raise missing(last.message) if last.kind == "missing" else _KINDS[last.kind](last.message, last.hint)
    if ended.status != 0 or not isinstance(last, Finished):
        raise _died(order, ended.status, ended.said)


def missing(package: str) -> RuntimeUnavailable:
    """The extra is not there."""
    return RuntimeUnavailable(f"models are trained with {package}, which is not installed here", INSTALL)


def _died(order: Order, status: int, said: str) -> DynofarmError:
    hint = "say the same words again: training goes on from its last saved state"
    if status == -signal.SIGKILL:
        return RuntimeUnavailable(
            f"{order.name}: the trainer was killed, by somebody or for want of memory",
            f"{hint}; a smaller --batch needs less memory",
        )
    ended = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return ModelError(f"{order.name}: the trainer ended {ended}: {said}", hint)
