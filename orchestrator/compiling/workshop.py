"""Starts the compiler, a process of its own, and hears what it tells."""

import signal
import sys
from collections.abc import Callable

from orchestrator.apart.parent import run_apart
from orchestrator.apart.steps import Failed
from orchestrator.compiling.orders import Lineage, Order, lineage_from_json
from orchestrator.compiling.steps import Compiled, Step, from_line
from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable

INSTALL = "pip install 'dynofarm[compile]'  (about 300 MB; it may lie in an environment of its own: --python)"


def run_compiler(order: Order, notify: Callable[[Step], None], python: str = sys.executable) -> Lineage:
    """Have an order carried out; `notify` hears each step. Its complaints, or how it died, are raised.

    The compiler dies with this process, however that ends.
    """
    ended = run_apart("orchestrator.compiling", order.to_json(), from_line, notify, python, {})
    if isinstance(ended.last, Failed):
        raise _told(order, ended.last)
    if ended.status != 0 or not isinstance(ended.last, Compiled):
        raise _died(order, ended.status, ended.said)
    return lineage_from_json(order.lineage_place.read_text(encoding="utf-8"))


def _told(order: Order, last: Failed) -> DynofarmError:
    if last.kind == "missing":
        return _missing(last.message)
    if last.kind == "memory":
        return _too_little_memory(order)
    if last.kind == "disk_full":
        return DiskFull(f"{order.place}: no room left for the module", "make room, or name another folder: -o")
    return ModelError(f"{order.source.name}: {last.message}", last.hint)


def _died(order: Order, status: int, said: str) -> DynofarmError:
    if "No module named" in said:
        return _missing(said.rpartition("No module named")[2].strip(" ')"))
    if status == -signal.SIGKILL:
        return _too_little_memory(order)
    ended = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return ModelError(f"{order.source.name}: IREE's compiler ended {ended}: {said}", "try another --level")


def _too_little_memory(order: Order) -> RuntimeUnavailable:
    return RuntimeUnavailable(
        f"{order.source.name}: the compiler was killed or found no memory", "compile it on a larger machine"
    )


def _missing(package: str) -> RuntimeUnavailable:
    """The extra is not there."""
    return RuntimeUnavailable(f"models are compiled with {package}, which is not installed here", INSTALL)
