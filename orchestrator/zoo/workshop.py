"""Starts the builder, a process of its own with torch in it, and hears what it tells."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable

from orchestrator.apart.parent import run_apart
from orchestrator.apart.steps import Failed
from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable
from orchestrator.zoo.arithmetic import count_parameters
from orchestrator.zoo.orders import Order
from orchestrator.zoo.shelf import Busy, tidy
from orchestrator.zoo.steps import Finished, Step, from_line

INSTALL = "pip install 'dynofarm[zoo]'  (about 2.2 GB; it may lie in an environment of its own: --python)"
_FINISHED_STAYS = "what was finished stays"
_NO_ROOM = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))
_OUT_OF_MEMORY = (
    "bad_alloc",
    "MemoryError",
    "can't allocate memory",
    "Cannot allocate memory",
    "pthread_create failed",
)
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
_BYTES_BY_FORM = {"fp32": 4.1, "fp16": 2.1, "int4": 0.8}
"""A parameter's share of a file; 1.1 in the others."""


def run_builder(order: Order, notify: Callable[[Step], None], python: str = sys.executable) -> None:
    """Have an order made; `notify` hears each step. Raises what the builder says, and one sentence when it dies.

    The builder dies with this process, however that ends.
    """
    check_room(order)
    try:
        ended = run_apart("orchestrator.zoo", order.to_json(), from_line, notify, python, _ENVIRONMENT)
    finally:
        tidy(order.folder)
    if isinstance(ended.last, Failed):
        raise _told(order, ended.last)
    if ended.status != 0 or not isinstance(ended.last, Finished):
        raise _died(order, ended.status, ended.said)


def needed_bytes(order: Order) -> int:
    """Room for everything that an order makes, and once more for the largest of it while it is made."""
    parameters = count_parameters(order.shape, order.head)
    shares = [_BYTES_BY_FORM.get(artifact.form, 1.1) for artifact in order.artifacts]
    return int(parameters * (sum(shares) + max(shares, default=0.0)))


def check_room(order: Order) -> None:
    """`DiskFull`, `ModelError` before anything is begun, where it cannot end well."""
    folder = order.folder
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise ModelError(f"{folder}: this is no folder", "name another one: -o FOLDER")
    free, needed = shutil.disk_usage(folder).free, needed_bytes(order)
    if free < needed:
        raise DiskFull(
            f"{order.folder}: {free / 1e9:.1f} GB are free, and about {needed / 1e9:.1f} GB are needed",
            "make room, ask for fewer forms, or name another folder: -o",
        )


def memory_text(order: Order) -> str:
    """What the builder needs at its peak. Measured on the shapes of the catalogue (docs/how-to-build-models.md)."""
    return f"{0.9 + count_parameters(order.shape, order.head) * 22 / 1e9:.1f} GB"


def _told(order: Order, last: Failed) -> DynofarmError:
    if last.kind == "missing":
        return _missing(last.message)
    if last.kind == "memory":
        return _too_little_memory(order)
    if last.kind == "disk_full":
        return _no_room(order)
    return (Busy if last.kind == "busy" else ModelError)(last.message, last.hint)


def _died(order: Order, status: int, said: str) -> DynofarmError:
    if "No module named" in said:
        return _missing(said.rpartition("No module named")[2].strip(" '"))
    if any(sign in said for sign in _NO_ROOM):
        return _no_room(order)
    if status == -signal.SIGKILL or any(sign in said for sign in _OUT_OF_MEMORY):
        return _too_little_memory(order)
    ended = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return ModelError(f"{order.shape.name}: the builder ended {ended}: {said}", _FINISHED_STAYS)


def _too_little_memory(order: Order) -> RuntimeUnavailable:
    return RuntimeUnavailable(
        f"{order.shape.name}: the builder was killed or found no memory; it needs about {memory_text(order)}",
        f"{_FINISHED_STAYS}; build the rest on a larger machine",
    )


def _no_room(order: Order) -> DiskFull:
    return DiskFull(
        f"{order.folder}: no room left while a model was built; it needs about {needed_bytes(order) / 1e9:.2g} GB",
        f"{_FINISHED_STAYS}; make room and build the rest",
    )


def _missing(package: str) -> RuntimeUnavailable:
    """The extra is not there."""
    return RuntimeUnavailable(f"models are built with {package}, which is not installed here", INSTALL)
