"""Who works on the board while we do not: processor time by process over an interval (proc(5)).

What the kernel counts for all processors together may exceed what the processes that we may see add up to: processes
that were too short to be met, other users' where /proc hides them, neighbours outside of our container.
"""

import os
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from agent.protocol import BusyProcess
from agent.sensors import matches, read_bytes, read_text

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_MOST_NAMED = 10
_WORTH_NAMING = 0.01
_KTHREADD = 2
"""The parent of all kernel threads."""


class _Process(NamedTuple):
    """`gone_ticks` are those of its children that have ended, and of theirs."""

    name: str
    parent: int
    ticks: int
    gone_ticks: int


_NEW = _Process("", 0, 0, 0)


class _Moment(NamedTuple):
    """One look: processes by number and start, ticks of the whole board, microseconds of waiting."""

    at_s: float
    processes: Dict[Tuple[int, int], _Process]
    busy_ticks: Optional[int]
    all_ticks: Optional[int]
    stolen_ticks: Optional[int]
    waited_us: Dict[str, int]


class _Work(NamedTuple):
    """What a process did in the interval, itself and through children that have ended."""

    pid: int
    process: _Process
    ticks: int
    gone_ticks: int


class Watched(NamedTuple):
    """What happened in the interval; times in processors' worth, our own apart."""

    interval_s: float
    busiest: List[BusyProcess]
    busy_cpus: Optional[float]
    seen_cpus: Optional[float]
    own_cpus: Optional[float]
    stolen_share: Optional[float]
    waiting: Dict[str, float]
    names: List[str]
    ancestors: List[int]


class Watch:
    """Begins when it is made."""

    def __init__(self, root: str, pid: Optional[int] = None) -> None:
        self._root = root
        self._pid = os.getpid() if pid is None else pid
        self._before = _look(root)

    def end(self) -> Watched:
        """What happened since the beginning."""
        before, after = self._before, _look(self._root)
        interval_s = max(after.at_s - before.at_s, 1e-3)
        parents = {pid: process.parent for (pid, _), process in after.processes.items()}
        ancestors = _ancestors(self._pid, parents)
        own = {self._pid, *ancestors} | {pid for pid, parent in parents.items() if parent == self._pid}
        own_ticks, others = 0, []
        for work in _work_between(before, after):
            mine = work.pid in own
            own_ticks += work.ticks if mine else 0
            # What a shell above us has started besides is not ours.
            foreign = work._replace(ticks=0) if mine else work
            if foreign.ticks + foreign.gone_ticks and work.pid != self._pid:
                others.append(foreign)
        per_cpu = interval_s * _TICKS_PER_S
        others.sort(key=lambda work: (-work.ticks - work.gone_ticks, work.pid))
        named = [work for work in others if (work.ticks + work.gone_ticks) / per_cpu >= _WORTH_NAMING][:_MOST_NAMED]
        busy = _difference(before.busy_ticks, after.busy_ticks)
        known = bool(after.processes)
        return Watched(
            interval_s=interval_s,
            busiest=[self._describe(work, per_cpu) for work in named],
            busy_cpus=None if busy is None else busy / per_cpu,
            seen_cpus=sum(work.ticks + work.gone_ticks for work in others) / per_cpu if known else None,
            own_cpus=own_ticks / per_cpu if known else None,
            stolen_share=_share(
                _difference(before.stolen_ticks, after.stolen_ticks), _difference(before.all_ticks, after.all_ticks)
            ),
            waiting=_waiting(before.waited_us, after.waited_us, interval_s),
            names=sorted({process.name for process in after.processes.values()}),
            ancestors=ancestors,
        )

    def _describe(self, work: _Work, per_cpu: float) -> BusyProcess:
        return BusyProcess(
            pid=work.pid,
            name=work.process.name,
            user=_owner(self._root, work.pid),
            cpus=round(work.ticks / per_cpu, 4),
            started_cpus=round(work.gone_ticks / per_cpu, 4),
            control_group=read_control_group(self._root, str(work.pid)),
            kernel=_KTHREADD in (work.pid, work.process.parent),
        )


def read_control_group(root: str, pid: str) -> Optional[str]:
    """The path of a process's control group: of systemd's own hierarchy or version 2; None where it is the top."""
    found: Dict[str, str] = {}
    for line in (read_text(root, "/proc/%s/cgroup" % pid) or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        found["unified" if number == "0" else controllers] = path
    for name in ("name=systemd", "unified"):
        if found.get(name, "/") != "/":
            return found[name]
    return next((path for path in found.values() if path != "/"), None)


def _look(root: str) -> _Moment:
    processes = {}
    for path in matches(root, "/proc/[0-9]*/stat"):
        found = _read_process(root, path)
        if found is not None:
            pid, start, process = found
            processes[(pid, start)] = process
    busy, total, stolen = _read_ticks(root)
    waited = {name: _read_waited_us(root, name) for name in ("cpu", "memory", "io")}
    known = {name: value for name, value in waited.items() if value is not None}
    return _Moment(time.monotonic(), processes, busy, total, stolen, known)


def _work_between(before: _Moment, after: _Moment) -> Iterator[_Work]:
    told = _told_before(before.processes, after.processes)
    for (pid, start), process in after.processes.items():
        earlier = before.processes.get((pid, start), _NEW)
        gone_ticks = process.gone_ticks - earlier.gone_ticks - told.get(pid, 0)
        yield _Work(pid, process, max(0, process.ticks - earlier.ticks), max(0, gone_ticks))


def _told_before(before: Dict[Tuple[int, int], _Process], after: Dict[Tuple[int, int], _Process]) -> Dict[int, int]:
    """By a process that lives: ticks that its descendants had taken before the watch, and which count as ended now."""
    living = {pid for pid, _ in after}
    parents = {pid: process.parent for (pid, _), process in before.items()}
    told: Dict[int, int] = {}
    for (pid, start), process in before.items():
        if (pid, start) not in after:
            heir = next((one for one in _ancestors(pid, parents) if one in living), 1)
            told[heir] = told.get(heir, 0) + process.ticks + process.gone_ticks
    return told


def _read_process(root: str, path: str) -> Optional[Tuple[int, int, _Process]]:
    content = read_bytes(root, path)
    if content is None or b"(" not in content or b")" not in content:
        return None
    # The name may hold brackets and spaces itself: it ends at the last bracket.
    head, _, tail = content.decode("utf-8", "replace").rpartition(")")
    number, _, name = head.partition("(")
    fields = tail.split()
    try:
        ticks = [int(field) for field in fields[11:15]]
        process = _Process(name, int(fields[1]), ticks[0] + ticks[1], ticks[2] + ticks[3])
        return int(number), int(fields[19]), process
    except (ValueError, IndexError):
        return None


def _read_ticks(root: str) -> Tuple[Optional[int], Optional[int], Optional[int]]:
    """Of all processors: ticks of work, all ticks, and ticks that a hypervisor gave to others."""
    for line in (read_text(root, "/proc/stat") or "").splitlines():
        words = line.split()
        if len(words) >= 8 and words[0] == "cpu":
            try:
                ticks = [int(word) for word in words[1:9]]
            except ValueError:
                break
            user, nice, system, idle, waiting, irq, softirq = ticks[:7]
            stolen = ticks[7] if len(ticks) > 7 else None
            busy = user + nice + system + irq + softirq
            return busy, busy + idle + waiting + (stolen or 0), stolen
    return None, None, None


def _read_waited_us(root: str, name: str) -> Optional[int]:
    """docs.kernel.org/accounting/psi.html: `some … total=` is in microseconds."""
    for line in (read_text(root, "/proc/pressure/" + name) or "").splitlines():
        words = line.split()
        if words and words[0] == "some" and words[-1].startswith("total=") and words[-1][6:].isdigit():
            return int(words[-1][6:])
    return None


def _ancestors(pid: int, parents: Dict[int, int]) -> List[int]:
    """Those that started us, without the first process of the board: sshd's for this connection, a shell."""
    chain: List[int] = []
    while True:
        pid = parents.get(pid, 0)
        if pid <= 1 or pid in chain:
            return chain
        chain.append(pid)


def _owner(root: str, pid: int) -> Optional[str]:
    """The user by name where the board has one for the number."""
    for line in (read_text(root, "/proc/%d/status" % pid) or "").splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "Uid:":
            return _user_name(root, words[1])
    return None


def _user_name(root: str, number: str) -> str:
    for line in (read_text(root, "/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[2] == number:
            return fields[0]
    return number


def _waiting(before: Dict[str, int], after: Dict[str, int], interval_s: float) -> Dict[str, float]:
    shares = {}
    for name, value in after.items():
        if name in before and value >= before[name]:
            shares[name] = round(min(1.0, (value - before[name]) / 1e6 / interval_s), 4)
    return shares


def _difference(before: Optional[int], after: Optional[int]) -> Optional[int]:
    return None if before is None or after is None or after < before else after - before


def _share(part: Optional[int], whole: Optional[int]) -> Optional[float]:
    return None if part is None or not whole else round(part / whole, 4)
