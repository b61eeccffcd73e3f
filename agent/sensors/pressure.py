"""How much of the board is taken: memory, swap, load, runnable processes, and the kernel's killings for want of memory.

proc(5) for /proc/meminfo, /proc/stat, /proc/vmstat and /proc/loadavg (kB, clock ticks, pages);
docs.kernel.org/accounting/psi.html for /proc/pressure (microseconds); docs.kernel.org/admin-guide/cgroup-v2.html and
cgroup-v1/memory.html for limits and `oom_kill`.
"""

import os
from typing import Dict, List, NamedTuple, Optional

from agent.sensors import read_int, read_text, to_float, to_int

_NO_LIMIT_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63."""


class Memory(NamedTuple):
    total_bytes: Optional[int]
    available_bytes: Optional[int]
    swap_used_bytes: Optional[int]


class Processors(NamedTuple):
    """Ticks since boot, of all processors together: spent on work, and taken by the host of a virtual machine; and how
    many processes could run just now."""

    busy_ticks: Optional[int]
    procs_running: Optional[int]
    steal_ticks: Optional[int] = None


def read_memory(root: str) -> Memory:
    numbers = _meminfo(root)
    swap_total, swap_free = numbers.get("SwapTotal"), numbers.get("SwapFree")
    swap_used = None if swap_total is None or swap_free is None else swap_total - swap_free
    return Memory(numbers.get("MemTotal"), numbers.get("MemAvailable"), swap_used)


def read_processors(root: str) -> Processors:
    busy_ticks: Optional[int] = None
    steal_ticks: Optional[int] = None
    procs_running: Optional[int] = None
    for line in (read_text(root, "/proc/stat") or "").splitlines():
        name, _, rest = line.partition(" ")
        if name == "cpu":
            ticks = [to_int(word) for word in rest.split()]
            # user, nice, system, irq and softirq; idle and waiting for a disk lie between them
            working = [tick for tick in ticks[:3] + ticks[5:7] if tick is not None]
            busy_ticks = sum(working) if len(working) == 5 else None
            steal_ticks = ticks[7] if len(ticks) > 7 else None
        elif name == "procs_running":
            procs_running = to_int(rest)
            break
    return Processors(busy_ticks, procs_running, steal_ticks)


def read_stalled_s(root: str, resource: str) -> Optional[float]:
    """Since boot: how long at least one process could not go on for want of `cpu`, `memory` or `io`."""
    for line in (read_text(root, "/proc/pressure/" + resource) or "").splitlines():
        if line.startswith("some "):
            total_us = to_int(line.partition(" total=")[2])
            return None if total_us is None else total_us / 1e6
    return None


def read_swapped_in_pages(root: str) -> Optional[int]:
    """Since boot: pages read back from swap. The file is long, so it is searched, not split."""
    text = "\n" + (read_text(root, "/proc/vmstat") or "")
    return to_int(text.partition("\npswpin ")[2].partition("\n")[0])


def read_load_1m(root: str) -> Optional[float]:
    text = read_text(root, "/proc/loadavg")
    return None if text is None else to_float(text.split()[0])


def describe(root: str) -> List[str]:
    """What is there, for `Facts.sensors`."""
    steal = ["steal"] if read_processors(root).steal_ticks is not None else []
    return steal + (["pressure"] if read_stalled_s(root, "cpu") is not None else [])


def read_memory_limit_bytes(root: str) -> Optional[int]:
    """The smallest limit of the control groups around this process; None without one."""
    limits = []
    for folder in _own_groups(root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = read_int(root, "%s/%s" % (folder, name))
            if limit is not None and 0 < limit < _NO_LIMIT_BYTES:
                limits.append(limit)
    return min(limits) if limits else None


def count_oom_kills(root: str) -> int:
    """A number that grows when the kernel kills for want of memory, in our control groups or on the whole board."""
    total = _keyed(root, "/proc/vmstat").get("oom_kill", 0)
    for folder in _own_groups(root):
        for name in ("memory.events", "memory.oom_control"):
            total += _keyed(root, "%s/%s" % (folder, name)).get("oom_kill", 0)
    return total


def _meminfo(root: str) -> Dict[str, int]:
    numbers = {}
    for line in (read_text(root, "/proc/meminfo") or "").splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        size_kb = to_int(words[0]) if words else None
        if size_kb is not None:
            numbers[key] = size_kb * 1024
    return numbers


def _keyed(root: str, path: str) -> Dict[str, int]:
    numbers = {}
    for line in (read_text(root, path) or "").splitlines():
        words = line.split()
        number = to_int(words[1]) if len(words) == 2 else None
        if number is not None:
            numbers[words[0]] = number
    return numbers


def _own_groups(root: str) -> List[str]:
    """The folders of our control group and of all above it, of version 2 and of version 1's memory controller.

    Inside a container the path that the kernel tells may lie outside of what is mounted; the mount's top is then all
    that can be read, and it is always in the list.
    """
    folders: List[str] = []
    for line in (read_text(root, "/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            top = "/sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            top = "/sys/fs/cgroup/memory"
        else:
            continue
        below = os.path.normpath("/" + path).strip("/")
        while below:
            folders.append("%s/%s" % (top, below))
            below = os.path.dirname(below)
        folders.append(top)
    return folders
