"""This machine as a board: the same agent over pipes instead of SSH, with the same errors and limits.

A command starts as an SSH login would start it: in the home folder, in a session of its own (so that Ctrl-C reaches
dynofarm alone), and with a login's environment. What a virtual environment, a Python or a tuning variable left in this
terminal is not passed on: it would change what is measured.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.devices import Device
from orchestrator.errors import BoardLost, BoardUnfit

KEPT_VARIABLES = ("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR")
STALL_S = 10.0
READ_BYTES = 1 << 16
TAIL_BYTES = 8192
LEAVE_S = 0.5
"""For a command that leaves by itself when its input ends; then it is asked to, then made to."""
TERMINATE_S = 1.0
LOOK_S = 1.0
"""How often who waits looks whether it was woken."""


def login_environment(variables: Mapping[str, str], scripts: Path) -> dict[str, str]:
    """The variables a login has; `scripts` (the virtual environment's programs) is taken out of PATH."""
    path = variables.get("PATH", os.defpath).split(os.pathsep)
    own = {str(scripts), str(Path(variables["VIRTUAL_ENV"]) / "bin") if "VIRTUAL_ENV" in variables else str(scripts)}
    kept = {name: variables[name] for name in KEPT_VARIABLES if name in variables}
    return {**kept, "PATH": os.pathsep.join(folder for folder in path if folder not in own)}


class LocalTransport:
    """A `Transport` whose board is this machine."""

    def __init__(self, device: Device) -> None:
        self._device = device.name
        self._channels: list[LocalChannel] = []
        self.warnings: tuple[str, ...] = ()

    def open_channel(self, argv: Sequence[str]) -> "LocalChannel":
        """Start a command; `argv` goes to it as it is, `~` included. `BoardUnfit` when there is no such program."""
        # outside a virtual environment this interpreter's folder is where the machine's programs are
        scripts = Path(sys.prefix) / "bin" if sys.prefix != sys.base_prefix else Path(os.devnull)
        environment = login_environment(os.environ, scripts)
        try:
            channel = LocalChannel(self._device, argv, environment)
        except OSError as error:
            hint = f"`python` in its profile says where Python is; this one is {sys.executable}"
            raise BoardUnfit(self._device, f"{self._device}: cannot start {argv[0]}: {error.strerror}", hint) from error
        self._channels = [*(one for one in self._channels if not one.is_closed), channel]
        return channel

    def answers(self, timeout_s: float) -> bool:  # noqa: ARG002
        """This machine always does."""
        return True

    def is_sending(self) -> bool:
        """A pipe holds nothing back."""
        return False

    def close(self) -> None:
        """End every command that is left, with all it started. Never raises."""
        channels, self._channels = self._channels, []
        for channel in channels:
            channel.close()


class LocalChannel:
    """A `ByteChannel` over pipes. One thread may receive while others send."""

    window_bytes = 1 << 31  # a pipe waits for nobody

    def __init__(self, device: str, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._device = device
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=Path.home(),
            env=dict(environment),
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr  # noqa: S101
        self._input, self._output, self._errors = self._process.stdin, self._process.stdout, self._process.stderr
        for pipe in (self._input, self._output, self._errors):
            os.set_blocking(pipe.fileno(), False)
        self._tail = bytearray()
        self._draining = threading.Lock()
        self._sending = threading.Lock()
        self._is_woken = False
        self.is_closed = False

    def send(self, data: bytes | memoryview) -> None:
        """Send all of it. `BoardLost` when the command ended, or took nothing for 10 s."""
        view = memoryview(data).cast("B")
        with self._sending:
            at, deadline = 0, time.monotonic() + STALL_S
            while at < len(view):
                try:
                    sent = os.write(self._input.fileno(), view[at : at + READ_BYTES])
                except BlockingIOError:
                    sent = 0
                except (OSError, ValueError) as error:
                    raise self._ended() from error
                if sent:
                    at, deadline = at + sent, time.monotonic() + STALL_S
                elif time.monotonic() >= deadline:
                    raise BoardLost(self._device, f"{self._device}: the command took nothing for {STALL_S:g} s")
                else:
                    self._wait(self._input, selectors.EVENT_WRITE, 0.5)

    def receive(self, timeout_s: float) -> bytes | None:
        """Some bytes; b"" when the command closed its output; None when nothing came in time, or it was woken.
        `BoardLost`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                data = self._output.read(READ_BYTES)
            except (OSError, ValueError) as error:
                raise self._ended() from error
            if data is not None:
                return bytes(data)
            left_s = deadline - time.monotonic()
            if self._is_woken or left_s <= 0:
                self._is_woken = False
                return None
            self._wait(self._output, selectors.EVENT_READ, min(LOOK_S, left_s))

    def wake(self) -> None:
        """Have the `receive` that waits, or the next one, return. For any thread."""
        self._is_woken = True

    def close_input(self) -> None:
        """End of file for the command."""
        with contextlib.suppress(OSError):
            self._input.close()

    def exit_status(self, timeout_s: float) -> int | None:
        """The status, 128 + the signal for a killed command as in a shell; None when it has not ended."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._drain()
            ended = self._peek()
            if ended is not None:
                return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.01)

    def errors(self) -> str:
        """The last 8 KB of standard error."""
        self._drain()
        with self._draining:
            return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Close the pipes, then end the command and every process of its session's group. Never raises."""
        if self.is_closed:
            return
        self.is_closed = True
        self.close_input()
        for patience_s, parting in ((LEAVE_S, signal.SIGTERM), (TERMINATE_S, signal.SIGKILL)):
            if self.exit_status(patience_s) is not None:
                break
            self._signal(parting)
        self._signal(signal.SIGKILL)  # what it left behind; the unreaped leader keeps the number from being reused
        self._process.wait()
        for pipe in (self._output, self._errors):
            pipe.close()

    def _peek(self) -> os.waitid_result | None:
        """How the command ended, without reaping it."""
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            code = self._process.wait()
            kind = os.CLD_EXITED if code >= 0 else os.CLD_KILLED
            return os.waitid_result((self._process.pid, 0, signal.SIGCHLD, abs(code), kind))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _wait(self, pipe: object, event: int, limit_s: float) -> None:
        """Until `pipe` is ready; what comes on standard error meanwhile is taken, or a full pipe stops the command."""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)  # type: ignore[arg-type]
            with contextlib.suppress(KeyError, ValueError):
                selector.register(self._errors, selectors.EVENT_READ)
            selector.select(limit_s)
        self._drain()

    def _drain(self) -> None:
        with self._draining, contextlib.suppress(OSError, ValueError):
            while data := self._errors.read(READ_BYTES):
                self._tail += data
                del self._tail[:-TAIL_BYTES]

    def _ended(self) -> BoardLost:
        status = self.exit_status(0.2) if not self.is_closed else None
        ending = "closed its input" if status is None else f"ended with status {status}"
        said = self.errors().strip().splitlines()
        return BoardLost(self._device, f"{self._device}: the command {ending}{f': {said[-1]}' if said else ''}")
