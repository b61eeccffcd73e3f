"""What else the board did while the clock ran: two looks, right before and right after the timed loop, subtracted.

The worker looks itself, so that what is told is of the loop and of nothing else. One look reads some ten files of
/proc, outside the clock: 0.1 ms with warm caches and 0.2 ms with cold ones (medians of n = 300, Python 3.8, x86-64).

How far the figures can be believed:

- `others_cpu_s` is what /proc/stat calls busy, less the worker's and the agent's own time. The kernel counts busy time
  in ticks (of which it tells hundredths of a second), by looking who runs at the moment of a tick, and our own time in
  nanoseconds. On a quiet board the difference is therefore as often just below nothing as just above it; below nothing
  is told as 0.0. A few hundredths of a second are nothing: with all processors busy, all shares together missed the
  time that there was by at most 0.04 s in loops of 0.5 to 5 s (n = 18).
- `wait_s` is exact, and summed over the threads of the worker that live at the end. One that ended in between is not
  counted, one that began in between is counted whole. Four threads that wait for one second each have waited for four.
- `pressure_…_s`, `steal_s` and `swapped_pages` are of the whole board, the worker included.
"""

import os
import time
from typing import Dict, NamedTuple, Optional, TypeVar

from agent.messages.outcomes import Surroundings
from agent.sensors import pressure, read_text, to_int
from agent.sensors.process import TICKS_PER_S, ProcProcess

try:
    import resource
except ImportError:  # small systems ship it as a package of its own
    resource = None  # type: ignore[assignment]

Number = TypeVar("Number", int, float)


class Thread(NamedTuple):
    """Nanoseconds since a thread began: on a processor, and ready without one (docs.kernel.org, sched-stats)."""

    run_ns: int
    wait_ns: int


Threads = Dict[str, Thread]


class Look(NamedTuple):
    """Counters that only grow, and two clocks, at one moment."""

    processors: pressure.Processors
    own_cpu_ns: int
    agent_cpu_s: Optional[float]
    threads: Optional[Threads]
    involuntary_switches: Optional[int]
    major_faults: Optional[int]
    swapped_pages: Optional[int]
    pressure_cpu_s: Optional[float]
    pressure_memory_s: Optional[float]
    pressure_io_s: Optional[float]
    wall_ns: int
    monotonic_ns: int


def look(root: str = "/", agent_pid: Optional[int] = None) -> Look:
    """Read everything once. `agent_pid`: the supervisor, whose own work is not the others' (default: our parent)."""
    agent_pid = os.getppid() if agent_pid is None else agent_pid
    usage = None if resource is None else resource.getrusage(resource.RUSAGE_SELF)
    return Look(
        swapped_pages=pressure.read_swapped_in_pages(root),
        pressure_cpu_s=pressure.read_stalled_s(root, "cpu"),
        pressure_memory_s=pressure.read_stalled_s(root, "memory"),
        pressure_io_s=pressure.read_stalled_s(root, "io"),
        threads=read_threads(root, "self"),
        involuntary_switches=None if usage is None else usage.ru_nivcsw,
        major_faults=None if usage is None else usage.ru_majflt,
        # These three next to each other: two are subtracted from the first.
        processors=pressure.read_processors(root),
        agent_cpu_s=_read_agent_cpu_s(root, agent_pid),
        own_cpu_ns=time.process_time_ns(),
        wall_ns=time.time_ns(),
        monotonic_ns=time.monotonic_ns(),
    )


def between(before: Look, after: Look) -> Surroundings:
    """What happened between two looks. What one of them could not tell is None."""
    return Surroundings(
        others_cpu_s=_others_cpu_s(before, after),
        steal_s=_seconds(_growth(before.processors.steal_ticks, after.processors.steal_ticks)),
        wait_s=_wait_s(before.threads, after.threads),
        involuntary_switches=_growth(before.involuntary_switches, after.involuntary_switches),
        major_faults=_growth(before.major_faults, after.major_faults),
        swapped_pages=_growth(before.swapped_pages, after.swapped_pages),
        pressure_cpu_s=_growth(before.pressure_cpu_s, after.pressure_cpu_s),
        pressure_memory_s=_growth(before.pressure_memory_s, after.pressure_memory_s),
        pressure_io_s=_growth(before.pressure_io_s, after.pressure_io_s),
        clock_step_s=(after.wall_ns - before.wall_ns - (after.monotonic_ns - before.monotonic_ns)) / 1e9,
    )


def read_threads(root: str, pid: str) -> Optional[Threads]:
    """The threads of a process by number. None: no such process, or a kernel that does not count."""
    folder = "/proc/%s/task" % pid
    try:
        names = os.listdir(root.rstrip("/") + folder)
    except OSError:
        return None
    threads = {}
    for name in names:
        words = (read_text(root, "%s/%s/schedstat" % (folder, name)) or "").split()
        numbers = [number for number in map(to_int, words[:2]) if number is not None]
        if len(numbers) == 2:
            threads[name] = Thread(*numbers)
    # Where its accounting is switched off, an older kernel says "0 0 0" of every thread.
    return threads if any(thread.run_ns for thread in threads.values()) else None


def _read_agent_cpu_s(root: str, pid: int) -> Optional[float]:
    """From the threads, in nanoseconds; where the kernel does not count those, in ticks."""
    threads = read_threads(root, str(pid))
    if threads is None:
        return ProcProcess(pid, root).read().cpu_s
    return sum(thread.run_ns for thread in threads.values()) / 1e9


def _others_cpu_s(before: Look, after: Look) -> Optional[float]:
    busy_s = _seconds(_growth(before.processors.busy_ticks, after.processors.busy_ticks))
    agent_s = _growth(before.agent_cpu_s, after.agent_cpu_s)
    if busy_s is None or agent_s is None:
        return None
    return max(0.0, busy_s - agent_s - (after.own_cpu_ns - before.own_cpu_ns) / 1e9)


def _wait_s(before: Optional[Threads], after: Optional[Threads]) -> Optional[float]:
    if before is None or after is None:
        return None
    waited_ns = 0
    for name, thread in after.items():
        # A number below the old one is another thread that was given the same number.
        earlier_ns = before[name].wait_ns if name in before else 0
        waited_ns += thread.wait_ns - (earlier_ns if earlier_ns <= thread.wait_ns else 0)
    return waited_ns / 1e9


def _growth(before: Optional[Number], after: Optional[Number]) -> Optional[Number]:
    """How far a counter went up. One that went down was begun anew, and tells nothing of the time between."""
    if before is None or after is None or after < before:
        return None
    return after - before


def _seconds(ticks: Optional[int]) -> Optional[float]:
    return None if ticks is None else ticks / TICKS_PER_S
