"""Finding and signalling the processes of a test board by reading /proc.

Process groups do not help: sshd puts every connection and every remote command into a session of its own.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MARKER = "DYNOFARM_BOARD"
"""Environment variable that every process of a board inherits; its value is the board's identity."""


@dataclass(frozen=True)
class Process:
    """One process as /proc showed it."""

    pid: int
    parent: int
    state: str
    """R, S, D, T (stopped), Z (dead, not yet waited for) …"""
    start_ticks: int
    """Clock ticks from boot to its start: with the pid an identity that is never used twice."""
    name: str
    argv: tuple[str, ...]

    @property
    def is_python(self) -> bool:
        words = self.argv or (self.name,)
        if "qemu" in words[0]:  # qemu-aarch64 /usr/bin/python3 …
            words = words[1:]
        return any(" " not in word and Path(word).name.startswith("python") for word in words[:1])

    @property
    def is_sshd(self) -> bool:
        return self.name.startswith("sshd")


def read_process(pid: int) -> Process | None:
    """A process, or None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return None
    name, _, rest = stat[stat.index("(") + 1 :].rpartition(") ")
    fields = rest.split()
    return Process(pid, int(fields[1]), fields[0], int(fields[19]), name, tuple(argv) if argv != [""] else ())


def list_processes() -> dict[int, Process]:
    """All processes of this machine but the dead ones that nobody has waited for."""
    found = (read_process(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {process.pid: process for process in found if process is not None and process.state not in "ZX"}


def descendants(root: int, processes: dict[int, Process]) -> set[int]:
    """The ids of all processes below `root`, without itself."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def carries_marker(pid: int, identity: str) -> bool:
    """Whether a process was started with `DYNOFARM_BOARD=identity`."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARKER}={identity}".encode() in environment.split(b"\0")


def has_open_below(pid: int, folder: Path) -> bool:
    """Whether a process has a file below `folder` open or works in it."""
    prefix = f"{folder}{os.sep}"
    try:
        links = [Path(f"/proc/{pid}/cwd"), *Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    for link in links:
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target == str(folder) or target.startswith(prefix):
            return True
    return False


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Signal processes; one that is gone already is no error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def send_until_settled(number: signal.Signals, find: Callable[[], set[int]], limit: int = 20) -> set[int]:
    """Signal all that `find` finds, again until it finds no newcomer: a process may fork while we look."""
    reached: set[int] = set()
    for _ in range(limit):
        newcomers = find() - reached
        if not newcomers:
            break
        send(number, newcomers)
        reached |= newcomers
    return reached


def wait_until(condition: Callable[[], bool], timeout_s: float, pause_s: float = 0.01) -> bool:
    """Whether a condition became true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True
