"""What the storm does: one function a fault. Each says what it hit, and how that is undone; None: there was nothing."""

import os
import random
import signal
from collections.abc import Callable, Set
from dataclasses import dataclass

from tests.boards import processes
from tests.chaos.board import StormBoard
from tests.chaos.command import Colleague, Orchestrator

YEAR_S = 365 * 86400
STOPPED = "Tt"


@dataclass(frozen=True)
class Hit:
    """`undo` is called `lasts_s` later; None for what is done once."""

    what: str
    lasts_s: float = 0.0
    undo: Callable[[], object] | None = None


@dataclass(frozen=True)
class Force:
    """What a hit may use. `longest_s`: of faults that last."""

    chance: random.Random
    board: StormBoard
    boards: list[StormBoard]
    orchestrator: Orchestrator
    colleague: Colleague
    longest_s: float

    def seconds(self, least_s: float = 0.3) -> float:
        return self.chance.uniform(least_s, self.longest_s)


def kill_sessions(force: Force) -> Hit | None:
    return _killed("the sessions' sshd of", force, force.board.sshd.kill_sessions())


def kill_agents(force: Force) -> Hit | None:
    return _killed("the agent of", force, force.board.sshd.kill_agents())


def kill_workers(force: Force) -> Hit | None:
    return _killed("the worker of", force, force.board.sshd.kill_workers())


def kill_sshd(force: Force) -> Hit | None:
    force.board.sshd.refuse()
    return Hit(f"kill the listening sshd of {force.board.name}", force.seconds(), force.board.sshd.listen)


def freeze_board(force: Force) -> Hit | None:
    return _frozen("all of", force, force.board.sshd.freeze())


def freeze_agents(force: Force) -> Hit | None:
    return _frozen("the agent of", force, _stop(force.board.sshd.agents()))


def freeze_workers(force: Force) -> Hit | None:
    return _frozen("the worker of", force, _stop(force.board.sshd.workers()))


def freeze_sessions(force: Force) -> Hit | None:
    sshd = force.board.sshd
    found = {pid for pid, process in sshd.alive().items() if process.is_sshd and pid != sshd.pid}
    return _frozen("the sessions' sshd of", force, _stop(found))


def cut_link(force: Force) -> Hit | None:
    force.board.cable.cut()
    return Hit(f"cut the link to {force.board.name}")


def unplug(force: Force) -> Hit | None:
    force.board.cable.unplug()
    return Hit(f"unplug {force.board.name}", force.seconds(), force.board.cable.plug)


def stall_link(force: Force) -> Hit | None:
    force.board.cable.stall()
    return Hit(f"stall the link to {force.board.name}", force.seconds(), force.board.cable.flow)


def slow_link(force: Force) -> Hit | None:
    force.board.cable.slow(20_000)
    return Hit(f"slow the link to {force.board.name} down", force.seconds(), force.board.cable.flow)


def fill_disk(force: Force) -> Hit | None:
    if not force.board.fill_disk():
        return None
    return Hit(f"fill the disk of {force.board.name}", force.seconds(), force.board.empty_disk)


def clear_blobs(force: Force) -> Hit | None:
    """Somebody tidies the board up: models must be pushed again."""
    blobs = list((force.board.sshd.work_dir / "blobs").glob("*"))
    for blob in blobs:
        blob.unlink(missing_ok=True)
    return Hit(f"remove the models of {force.board.name}") if blobs else None


def jump_clock(force: Force) -> Hit | None:
    if force.board.clock is None:
        return None
    offset_s = force.chance.choice([-1, 1]) * int(10 ** force.chance.uniform(0, 7.5))
    force.board.clock.jump(offset_s)
    return Hit(f"move the clock of {force.board.name} to {offset_s:+} s")


def kill_orchestrator(force: Force) -> Hit | None:
    number = force.chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    return Hit(f"{number.name} to {force.orchestrator.name}") if force.orchestrator.send(number) else None


def freeze_orchestrator(force: Force) -> Hit | None:
    if not force.orchestrator.send(signal.SIGSTOP):
        return None
    thaw = force.orchestrator
    return Hit(f"freeze {thaw.name}", force.seconds(), lambda: thaw.send(signal.SIGCONT))


def fill_orchestrator(force: Force) -> Hit | None:
    if not force.orchestrator.limit_files(force.chance.choice([0, 30_000])):
        return None
    return Hit(
        f"fill the disk of {force.orchestrator.name}", force.seconds(), lambda: force.orchestrator.limit_files(None)
    )


def cut_all_links(force: Force) -> Hit | None:
    for board in force.boards:
        board.cable.cut()
    return Hit("cut all links")


def reserve_board(force: Force) -> Hit | None:
    """A colleague wants it. Every other time they forget to give it back."""
    name, colleague, lasts_s = force.board.name, force.colleague, force.seconds()
    forgets = force.chance.random() < 0.5
    if not colleague.reserve(name, lasts_s):
        return None
    return Hit(f"a colleague reserves {name}", lasts_s, None if forgets else lambda: colleague.release(name))


HITS: dict[Callable[[Force], Hit | None], int] = {
    kill_sessions: 6,
    kill_agents: 6,
    kill_workers: 5,
    kill_sshd: 5,
    freeze_board: 7,
    freeze_agents: 5,
    freeze_workers: 3,
    freeze_sessions: 3,
    cut_link: 7,
    unplug: 5,
    stall_link: 6,
    slow_link: 3,
    fill_disk: 6,
    clear_blobs: 5,
    jump_clock: 5,
    kill_orchestrator: 3,
    freeze_orchestrator: 2,
    fill_orchestrator: 2,
    cut_all_links: 1,
    reserve_board: 4,
}
"""Every fault and its weight."""


def _killed(what: str, force: Force, pids: Set[int]) -> Hit | None:
    return Hit(f"kill -9 {what} {force.board.name}") if pids else None


def _stop(pids: Set[int]) -> set[int]:
    processes.send(signal.SIGSTOP, pids)
    return set(pids)


def _frozen(what: str, force: Force, pids: Set[int]) -> Hit | None:
    """The kernel thaws processes of an orphaned group: what did not stay stopped is no fault."""
    stopped = {pid for pid in pids if processes.wait_until(lambda pid=pid: _is_stopped(pid), 0.5)}  # type: ignore[misc]
    if not stopped:
        return None

    def thaw() -> None:
        for pid in stopped:
            if _is_stopped(pid):
                os.kill(pid, signal.SIGCONT)

    return Hit(f"freeze {what} {force.board.name}", force.seconds(), thaw)


def _is_stopped(pid: int) -> bool:
    process = processes.read_process(pid)
    return process is not None and process.state in STOPPED
