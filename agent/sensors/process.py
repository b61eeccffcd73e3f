"""One process as the kernel sees it: processor time, memory, and the moment it began.

Through psutil where the board has it, else from /proc (proc(5): stat in clock ticks, status in kB).
"""

import os
from typing import Any, NamedTuple, Optional

from agent.sensors import read_text, to_int

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """Seconds of processor time (user and system) since the process began, and resident bytes."""

    cpu_s: Optional[float]
    rss_bytes: Optional[int]


NOTHING = Usage(None, None)
_NUMBERS = (11, 12, 19, 21)
"""Those of the fields after the command that are read: user and system ticks, start, resident pages."""


class ProcProcess:
    """A process read from /proc."""

    source = "/proc"

    def __init__(self, pid: int, root: str = "/") -> None:
        self._pid = pid
        self._root = root

    def read(self) -> Usage:
        fields = _stat_fields(self._root, self._pid)
        if fields is None:
            return NOTHING
        cpu_s = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        rss_bytes = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        # A zombie, or an emulator that does not tell: nothing known rather than 0 bytes.
        return Usage(cpu_s, rss_bytes or None)


class PsutilProcess:
    """A process read through psutil."""

    def __init__(self, pid: int, psutil: Any) -> None:
        self._psutil = psutil
        self._process = psutil.Process(pid)
        self.source = "psutil %s" % psutil.__version__

    def read(self) -> Usage:
        try:
            with self._process.oneshot():
                times = self._process.cpu_times()
                return Usage(times.user + times.system, self._process.memory_info().rss or None)
        except self._psutil.Error:
            return NOTHING


def start_ticks(pid: int, root: str = "/") -> Optional[int]:
    """When a process began, in ticks since boot: with the pid it names one process for ever. None: no such process."""
    fields = _stat_fields(root, pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def read_status_bytes(key: str, pid: str = "self", root: str = "/") -> Optional[int]:
    """A line of /proc/PID/status that is in kB (`VmRSS`, `VmHWM`), in bytes."""
    for line in (read_text(root, "/proc/%s/status" % pid) or "").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        size_kb = to_int(words[0]) if words else None
        if name == key and size_kb is not None:
            return size_kb * 1024
    return None


def _stat_fields(root: str, pid: int) -> Any:
    """The fields after the command, which may itself hold spaces and brackets: the first is the state."""
    text = read_text(root, "/proc/%d/stat" % pid)
    if text is None or ")" not in text:
        return None
    fields = text.rsplit(")", 1)[1].split()
    told = len(fields) >= 22 and all(to_int(fields[index]) is not None for index in _NUMBERS)
    return fields if told else None
