"""Switching the power of a board off and on, by the command that its profile names (`power`).

Only when somebody asks for it. It is written down before the command starts: whoever takes up the sweep of a process
that was killed meanwhile must not switch the board a second time. No shell stands between: the command is a list of
words, in which `{device}` and `{host}` stand for those of the profile. A stop of the sweep does not end it, or a board
would be left without power.
"""

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.devices import Device
from orchestrator.records import PowerCycle

LIMIT_S = 120.0
"""Chosen: a switch that waits for half a minute between off and on, over a slow network, takes less."""

KILLED_WITHIN_S = 5.0
"""Chosen: one that was killed and hangs in the kernel is not waited for any longer."""

KEPT_BYTES = 4096

log = logging.getLogger(__name__)


def power_argv(device: Device) -> list[str]:
    """The command for this board, its place holders filled in."""
    host = device.host or "localhost"
    argv = [word.replace("{device}", device.name).replace("{host}", host) for word in device.power]
    return [os.path.expanduser(argv[0]), *argv[1:]]  # noqa: PTH111 - a bare name must stay one, for PATH


def switch_power(
    device: Device,
    begin: Callable[[PowerCycle], bool],
    holder: str,
    sweep_id: int | None = None,
    limit_s: float = LIMIT_S,
) -> PowerCycle | None:
    """Run the command to its end; what went wrong is in the record's `fault`, a sentence. `begin` writes down that it
    starts; False from it means that it had its turn already: then nothing is done, and there is no record. Raises what
    `begin` does."""
    argv = power_argv(device)
    unknown = f"{device.name}: its power command was started, and how it ended was not heard"
    begun = PowerCycle(sweep_id, device.name, datetime.now(UTC), holder, tuple(argv), None, 0.0, unknown)
    if not begin(begun):
        return None
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        status, fault = _run(argv, output.fileno(), limit_s)
        said = _end_of(output.fileno())
    if fault and said:
        fault = f"{fault}: {said.splitlines()[-1]}"
    sentence = f"{device.name}: {fault}" if fault else ""
    cycle = replace(begun, exit_status=status, took_s=time.monotonic() - began, fault=sentence, output=said)
    log.info("%s: power command %s: status %s, %s; it said: %s", device.name, argv, status, fault or "done", said)
    return cycle


def _run(argv: list[str], output: int, limit_s: float) -> tuple[int | None, str]:
    """Exit status (None: none), and what went wrong."""
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    except FileNotFoundError:
        return None, f"its power command cannot start: there is no program {argv[0]}"
    except OSError as error:
        return None, f"its power command cannot start: {argv[0]}: {error.strerror}"
    try:
        status = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        how = " and was killed" if _kill(process) else ", could not be ended and may run on"
        return None, f"its power command did not end within {limit_s:g} s{how}"
    if status < 0:
        return None, f"its power command was ended by signal {-status}"
    return status, f"its power command ended with status {status}" if status else ""


def _kill(process: "subprocess.Popen[bytes]") -> bool:
    """False where it could not be ended: a sudo that runs as root cannot be killed by a user. It is left behind then,
    with a thread that takes note of its end; nobody waits for that."""
    with contextlib.suppress(PermissionError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(KILLED_WITHIN_S)
        return True
    threading.Thread(target=process.wait, name="power command", daemon=True).start()
    return False


def _end_of(output: int) -> str:
    size = os.lseek(output, 0, os.SEEK_END)
    data = os.pread(output, KEPT_BYTES, max(0, size - KEPT_BYTES))
    return data.decode("utf-8", "replace").strip()
