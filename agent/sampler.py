"""Readings of the sensors while a worker lives, taken by the supervisor: the measured process never does it."""

import importlib
import os
import site
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from agent.protocol import Samples
from agent.sensors import frequency, power, pressure, thermal, throttling
from agent.sensors.process import TICKS_PER_S, ProcProcess, PsutilProcess

_CHEAP_POWER_S = 0.001
"""Rails that answer slower than this are left out: reading power at 50 Hz slowed one board six-fold."""

Clock = Callable[[], int]


class Sampler:
    """Collects `Samples` of one worker. A channel that never gave a value is left out altogether.

    Percentages are of one processor: four busy ones are 400.
    """

    def __init__(
        self,
        pid: int,
        root: str = "/",
        cpus: Optional[Sequence[int]] = None,
        psutil: Any = None,
        clock_ns: Clock = time.monotonic_ns,
    ) -> None:
        self._root = root
        self._clock_ns = clock_ns
        self._worker = open_process(pid, root, psutil)
        self._policies = frequency.find_policies(root, cpus)
        self._temperatures = thermal.find_temperatures(root)
        self._throttles = throttling.find_throttles(root, cpus)
        self._rails = self._cheap_rails()
        self._t_ns: List[int] = []
        self._channels: Dict[str, List[Optional[float]]] = {}
        self._before: Optional[_Totals] = None

    @property
    def source(self) -> str:
        """Where the worker's figures come from, for the details of a result."""
        return self._worker.source

    def sample(self) -> None:
        """Take one reading of everything."""
        now_ns = self._clock_ns()
        usage = self._worker.read()
        processors = pressure.read_processors(self._root)
        memory = pressure.read_memory(self._root)
        totals = _Totals(now_ns, usage.cpu_s, time.process_time(), processors)
        readings: Dict[str, Optional[float]] = {
            "worker_rss_bytes": usage.rss_bytes,
            "clock_khz": frequency.read_clock_khz(self._root, self._policies),
            "temp_c": thermal.hottest(thermal.read_temperatures(self._root, self._temperatures)),
            "procs_running": processors.procs_running,
            "memory_available_bytes": memory.available_bytes,
            "swap_used_bytes": memory.swap_used_bytes,
        }
        readings.update(throttling.read_throttles(self._root, self._throttles))
        readings.update(totals.shares_since(self._before))
        for name, watts in power.read_rails_w(self._root, self._rails).items():
            readings["power_w:" + name] = watts
        self._before = totals
        self._append(now_ns, readings)

    def last(self, name: str) -> Optional[float]:
        """The newest value of a channel."""
        values = self._channels.get(name)
        return values[-1] if values else None

    def collect(self) -> Samples:
        """All readings so far."""
        channels = {name: list(values) for name, values in self._channels.items() if _tells(name, values)}
        return Samples(list(self._t_ns), channels)

    def _append(self, now_ns: int, readings: Dict[str, Optional[float]]) -> None:
        for name in readings:
            if name not in self._channels:
                self._channels[name] = [None] * len(self._t_ns)
        for name, values in self._channels.items():
            value = readings.get(name)
            values.append(None if value is None else float(value))
        self._t_ns.append(now_ns)

    def _cheap_rails(self) -> List[power.Rail]:
        rails = power.find_rails(self._root)
        if not rails:
            return []
        began = time.monotonic()
        power.read_rails_w(self._root, rails)
        return rails if time.monotonic() - began <= _CHEAP_POWER_S else []


class _Totals:
    """Counters that only grow; two of them give shares."""

    def __init__(self, t_ns: int, worker_s: Optional[float], own_s: float, processors: pressure.Processors) -> None:
        self.t_ns = t_ns
        self.worker_s = worker_s
        self.own_s = own_s
        self.busy_s = _seconds(processors.busy_ticks)
        self.steal_s = _seconds(processors.steal_ticks)

    def shares_since(self, before: "Optional[_Totals]") -> Dict[str, Optional[float]]:
        shares: Dict[str, Optional[float]] = {}
        if before is None or self.t_ns <= before.t_ns:
            return shares
        wall_s = (self.t_ns - before.t_ns) / 1e9
        if self.steal_s is not None and before.steal_s is not None:
            shares["steal_percent"] = 100.0 * max(0.0, self.steal_s - before.steal_s) / wall_s
        if self.worker_s is None or before.worker_s is None:
            return shares
        worker_s = self.worker_s - before.worker_s
        shares["worker_cpu_percent"] = 100.0 * worker_s / wall_s
        if self.busy_s is not None and before.busy_s is not None:
            # Ticks of different counters are rounded apart, so a quiet board can come out just below nothing.
            others_s = max(0.0, self.busy_s - before.busy_s - worker_s - (self.own_s - before.own_s))
            shares["others_cpu_percent"] = 100.0 * others_s / wall_s
        return shares


def open_process(pid: int, root: str, psutil: Any) -> Union[ProcProcess, PsutilProcess]:
    """psutil's view of the process where psutil is there and looks at the real /proc; ours otherwise."""
    if psutil is not None and root == "/":
        try:
            return PsutilProcess(pid, psutil)
        except psutil.Error:
            pass
    return ProcProcess(pid, root)


def find_psutil(bundle: Optional[str] = None) -> Any:
    """psutil from the runtime bundle or from the board's own packages; None where it is not, or does not load.

    The agent was started without site-packages so that nothing there could break its start; they are looked at now.
    """
    path = list(sys.path)
    try:
        if bundle is not None and os.path.isdir(os.path.join(bundle, "psutil")):
            sys.path.insert(0, bundle)
        elif sys.flags.no_site:
            site.main()
        return importlib.import_module("psutil")
    except Exception:  # a foreign package at import can fail in any way, and it is optional
        return None
    finally:
        sys.path[:] = path


def _seconds(ticks: Optional[int]) -> Optional[float]:
    return None if ticks is None else ticks / TICKS_PER_S


def _tells(name: str, values: List[Optional[float]]) -> bool:
    told = [value for value in values if value is not None]
    # Under qemu-user /proc/PID/stat counts no processor time: then nothing is known of shares.
    return bool(told) and not (name == "worker_cpu_percent" and not any(told))
