"""The faults that are done to a board's processes; the same for every tier whose processes this machine sees."""

import signal
from collections.abc import Mapping

from . import processes as proc
from .processes import Process


class ProcessFaults:
    """A board names its processes (`alive`) and its listening sshd (`pid`); the faults follow from these."""

    @property
    def pid(self) -> int | None:
        """The listening sshd, or None while nothing listens."""
        raise AttributeError("pid")

    @property
    def keeper(self) -> int | None:
        """A process that is not the board's own doing but keeps it up; it counts as nobody's agent."""
        return None

    def alive(self) -> dict[int, Process]:
        """Every living process that belongs to this board."""
        raise AttributeError("alive")

    def freeze(self) -> set[int]:
        """SIGSTOP sshd, all sessions and all they started: TCP goes on accepting, nobody answers."""
        return proc.send_until_settled(signal.SIGSTOP, lambda: set(self.alive()))

    def thaw(self) -> set[int]:
        """Undo `freeze`."""
        return proc.send_until_settled(signal.SIGCONT, lambda: set(self.alive()))

    def kill_sessions(self) -> set[int]:
        """Kill the sshd processes of all connections: the link drops, remote commands and the listener go on."""
        found = {pid for pid, process in self.alive().items() if process.is_sshd and pid != self.pid}
        proc.send(signal.SIGKILL, found)
        return found

    def kill_agents(self) -> set[int]:
        """Kill -9 the topmost Python processes of all sessions, and only those."""
        found = self.agents()
        proc.send(signal.SIGKILL, found)
        return found

    def kill_workers(self, number: signal.Signals = signal.SIGKILL) -> set[int]:
        """Kill the Python processes below an agent."""
        found = self.workers()
        proc.send(number, found)
        return found

    def descendants(self) -> dict[int, Process]:
        """All processes of the board but the listener and the keeper."""
        aside = {self.pid, self.keeper}
        return {pid: process for pid, process in self.alive().items() if pid not in aside}

    def agents(self) -> set[int]:
        """The Python processes of sessions that no Python process of this board started."""
        pythons, started = self._pythons()
        return pythons - started

    def workers(self) -> set[int]:
        """The Python processes that an agent started."""
        return self._pythons()[1]

    def leftovers(self) -> list[str]:
        """One line for each process of this board that still lives; empty after `stop`."""
        return [f"{process.pid} {' '.join(process.argv) or process.name}" for process in self.alive().values()]

    def _pythons(self) -> tuple[set[int], set[int]]:
        alive = self.alive()
        pythons = {pid for pid, process in alive.items() if process.is_python and pid != self.keeper}
        return pythons, {pid for pid in pythons if _ancestors(pid, alive) & pythons}


def _ancestors(pid: int, processes: Mapping[int, Process]) -> set[int]:
    found: set[int] = set()
    while (process := processes.get(pid)) is not None and process.parent not in found:
        pid = process.parent
        found.add(pid)
    return found
