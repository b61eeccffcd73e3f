"""Starts the trainer, a process of its own with torch in it, and hears what it tells."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable
from orchestrator.training.orders import Order
from orchestrator.training.steps import Failed, Finished, Step, from_line

INSTALL = "pip install 'dynofarm[zoo]'"
_KINDS: dict[str, type[DynofarmError]] = {
    "disk_full": DiskFull,
    "memory": RuntimeUnavailable,
    "refused": ModelError,
}
_LAST_WORDS_BYTES = 4096


def run_trainer(order: Order, notify: Callable[[Step], None], python: str = sys.executable) -> None:
    """Have an order carried out; `notify` hears each step. Raises what the trainer says, and one sentence when it dies.

    The trainer ends when this process does, however that ends; what it has learnt is kept.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [python, "-P", "-m", "orchestrator.training"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env={**os.environ, "PYTHONHASHSEED": "0"},
                start_new_session=True,
            )
        except OSError as error:
            raise RuntimeUnavailable(
                f"{python}: cannot be started: {error.strerror}", "name a Python: --python"
            ) from None
        try:
            last = _hear(process, order, notify)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
        if isinstance(last, Failed):
            raise missing(last.message) if last.kind == "missing" else _KINDS[last.kind](last.message, last.hint)
        if status != 0 or not isinstance(last, Finished):
            raise _died(order, status, _last_words(complaints))


def missing(package: str) -> RuntimeUnavailable:
    """The extra is not there."""
    return RuntimeUnavailable(f"models are trained with {package}, which is not installed here", INSTALL)


def _hear(process: "subprocess.Popen[str]", order: Order, notify: Callable[[Step], None]) -> Step | None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    try:
        process.stdin.write(order.to_json())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died before it listened; its end tells why
    last: Step | None = None
    with process.stdout:
        for line in process.stdout:
            try:
                last = from_line(line)
            except ValueError:
                continue
            notify(last)
    return last


def _last_words(complaints: IO[bytes]) -> str:
    size_bytes = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size_bytes - _LAST_WORDS_BYTES))
    lines = [line.strip() for line in complaints.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _died(order: Order, status: int, said: str) -> DynofarmError:
    hint = "say the same words again: training goes on from its last saved state"
    if status == -signal.SIGKILL:
        return RuntimeUnavailable(
            f"{order.name}: the trainer was killed, by somebody or for want of memory",
            f"{hint}; a smaller --batch needs less memory",
        )
    ended = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return ModelError(f"{order.name}: the trainer ended {ended}: {said}", hint)
