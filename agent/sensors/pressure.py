"""How much of the board is taken: memory, swap, load, runnable processes, and the kernel's killings for want of memory.

proc(5) for /proc/meminfo, /proc/stat and /proc/loadavg (kB, clock ticks); docs.kernel.org/admin-guide/cgroup-v2.html
and cgroup-v1/memory.html for limits and `oom_kill`.
"""

import os
from typing import Dict, List, NamedTuple, Optional

from agent.sensors import read_int, read_text

_NO_LIMIT_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63."""


class Memory(NamedTuple):
    total_bytes: Optional[int]
    available_bytes: Optional[int]
    swap_used_bytes: Optional[int]


class Processors(NamedTuple):
    """Ticks that all processors together spent on work since boot, and how many processes could run just now."""

    busy_ticks: Optional[int]
    procs_running: Optional[int]


def read_memory(root: str) -> Memory:
    numbers = _meminfo(root)
    swap_total, swap_free = numbers.get("SwapTotal"), numbers.get("SwapFree")
    swap_used = None if swap_total is None or swap_free is None else swap_total - swap_free
    return Memory(numbers.get("MemTotal"), numbers.get("MemAvailable"), swap_used)


def read_processors(root: str) -> Processors:
    busy_ticks: Optional[int] = None
    procs_running: Optional[int] = None
    for line in (read_text(root, "/proc/stat") or "").splitlines():
        words = line.split()
        if words and words[0] == "cpu" and len(words) >= 8:
            user, nice, system, _, _, irq, softirq = (int(word) for word in words[1:8])
            steal = int(words[8]) if len(words) > 8 else 0
            busy_ticks = user + nice + system + irq + softirq + steal
        elif words and words[0] == "procs_running":
            procs_running = int(words[1])
    return Processors(busy_ticks, procs_running)


def read_load_1m(root: str) -> Optional[float]:
    text = read_text(root, "/proc/loadavg")
    try:
        return None if text is None else float(text.split()[0])
    except ValueError:
        return None


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
        if words and words[0].isdigit():
            numbers[key] = int(words[0]) * 1024
    return numbers


def _keyed(root: str, path: str) -> Dict[str, int]:
    numbers = {}
    for line in (read_text(root, path) or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            numbers[words[0]] = int(words[1])
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
