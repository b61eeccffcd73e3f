"""The real command in a process of its own, without the second that its imports cost each time.

One process a test worker imports all of `orchestrator` and waits. For every command it forks a keeper, which forks the
command and tells its process id and its end. The command has its own session, folder, environment and streams, dies of
signals like any process, and runs the same `main`. What only a fresh interpreter shows (start-up, encodings, closed
streams) is tested with one, in tests/cli/test_starting.py.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).resolve().parent.parent
MESSAGE_BYTES = 1 << 17
BUILDERS = ("zoo", "training", "compiling")
"""What they import is an extra, and commands start them as processes of their own."""


class Command:
    """A started command: the part of `subprocess.Popen` that tests use."""

    def __init__(self, argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.args = list(argv)
        self.returncode: int | None = None
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        self._told, told_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps({"argv": list(argv), "folder": str(folder), "environment": dict(environment)})
        try:
            _nursery().order(order.encode(), [out_end, err_end, told_end.fileno()])
        finally:
            os.close(out_end)
            os.close(err_end)
            told_end.close()
        self.stdout: IO[str] = os.fdopen(out, "r", encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(err, "r", encoding="utf-8")
        self.pid = int(self._told.recv(64))

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                said = self._told.recv(64)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            assert said, "the keeper of a command died before it"
            self.returncode = int(said)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it says on both streams, once it has ended; `subprocess.TimeoutExpired`."""
        said = ["", ""]

        def read(place: int, stream: IO[str]) -> None:
            said[place] = stream.read()

        streams = enumerate((self.stdout, self.stderr))
        readers = [threading.Thread(target=read, args=each, daemon=True) for each in streams]
        deadline = None if timeout is None else time.monotonic() + timeout
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        self.wait(None if deadline is None else max(0.1, deadline - time.monotonic()))
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended already."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()
        self._told.close()


class _Nursery:
    """The process with everything imported; it ends when this end of its socket is closed, however we end."""

    def __init__(self) -> None:
        self._line, line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with line:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery", str(line.fileno())],
                cwd=ROOT,
                pass_fds=[line.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._lock = threading.Lock()

    def order(self, message: bytes, descriptors: Sequence[int]) -> None:
        assert len(message) < MESSAGE_BYTES
        with self._lock:
            socket.send_fds(self._line, [message], descriptors)

    def close(self) -> None:
        self._line.close()
        self._process.wait()


_FOUND: list[_Nursery] = []


def _nursery() -> _Nursery:
    if not _FOUND:
        _FOUND.append(_Nursery())
    return _FOUND[0]


def close() -> None:
    """End the process of this test worker, if it was needed."""
    while _FOUND:
        _FOUND.pop().close()


def _serve(line: socket.socket) -> list[str] | None:
    """Fork for every order. Comes back in the forked commands, with their words, and at the end with None."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need nobody to wait for them
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, MESSAGE_BYTES, 3)
        if not message:
            return None
        if os.fork() == 0:
            line.close()
            return _keep(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(order: dict[str, object], descriptors: Sequence[int]) -> list[str]:
    """In the keeper: start the command and tell of it. In the command: become it, and give its words."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, err, told = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(told)
        return _become(order, out, err)
    os.close(out)
    os.close(err)
    os.write(told, b"%d" % pid)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(told, b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(order: dict[str, object], out: int, err: int) -> list[str]:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    # Those of the nursery believe to be the files that it was started with.
    sys.stdin = _stream(0, "r")
    sys.stdout = _stream(1, "w")
    sys.stderr = _stream(2, "w")
    folder, environment, argv = order["folder"], order["environment"], order["argv"]
    assert isinstance(folder, str)
    assert isinstance(environment, dict)
    assert isinstance(argv, list)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    return argv


def _stream(descriptor: int, mode: str) -> io.TextIOWrapper:
    """As Python opens its own at the start, in UTF-8."""
    errors = "backslashreplace" if descriptor == 2 else "strict"
    raw = io.FileIO(descriptor, mode, closefd=False)
    buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding="utf-8", errors=errors, line_buffering=descriptor == 2)


def _import_all() -> None:
    import orchestrator

    for found in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not found.name.endswith("__main__") and found.name.split(".")[1] not in BUILDERS:
            importlib.import_module(found.name)
    for name in ("alembic.command", "fabric", "numpy", "psutil", "sqlalchemy.dialects.sqlite"):
        importlib.import_module(name)


def _main() -> None:
    _import_all()
    from orchestrator.cli.main import main

    gc.collect()
    gc.freeze()
    argv = _serve(socket.socket(fileno=int(sys.argv[1])))
    if argv is not None:
        sys.argv = ["dynofarm", *argv]
        main()


if __name__ == "__main__":
    _main()
