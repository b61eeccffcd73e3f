"""All boards of a sweep at once."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from orchestrator.devices import Device
from orchestrator.errors import BoardError
from orchestrator.links import Link
from orchestrator.runs import Job
from orchestrator.schedule.company import Company
from orchestrator.schedule.drive import Drive
from orchestrator.schedule.tools import Tools
from orchestrator.turns import Turns

LOOK_EVERY_S = 0.5
"""How often the one thread that waits for all looks whether the user asked to stop. The boards' threads are woken: a
thousand that looked twice a second took 7 % of a core (measured), five thousand that are woken take 0.02 %."""


def run_sweep(
    links: Sequence[Link],
    jobs: Sequence[Job],
    tools: Tools,
    lock_wait_s: float,
    missed: Mapping[str, BoardError] | None = None,
) -> None:
    """Run the jobs on the boards that the links lead to; return when every board is done or is left alone.

    Boards that share an exclusion (one machine) take turns, job by job, with those of other commands, too. `missed` are
    boards that were not reached yet, and why: they are tried again while others measure. An error that is not a
    board's own (the database, a fault of ours, Ctrl-C in this thread) stops all boards and is raised here once they
    have left; a second Ctrl-C does not wait for them.
    """
    turns = _turns_of([link.device for link in links], tools)
    if tools.relays is not None:
        tools.relays.take_turns(turns)
        tools.relays.keep_faults(tools.ledger.note_fault, tools.sweep_id)
    company = Company([link.device.name for link in links])
    missed = missed or {}
    by_device: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_device[job.device].append(job)
    drives = []
    for link in links:
        name, mine = link.device.name, turns[link.device.exclusion]
        drives.append(Drive(link, by_device[name], mine, company, tools, lock_wait_s, missed.get(name)))
        if name not in missed:
            company.enter(name)
    for drive in drives:
        drive.keep_turn()
    _look_once_for_all(drives, [job for link in links if link.session for job in by_device[link.device.name]], tools)
    faults: list[BaseException] = []
    roll = _Roll(len(drives))

    def guarded(drive: Drive) -> None:
        if not roll.enter():
            return
        try:
            drive.run()
        except BaseException as fault:
            faults.append(fault)
            tools.stop.set()
        finally:
            roll.leave()

    def wait_for_all() -> None:
        over = False
        while not over:
            if tools.stop.is_set():
                company.close()
                for line in turns.values():
                    line.close()
            over = roll.wait(LOOK_EVERY_S)

    threads = [threading.Thread(target=guarded, args=(drive,), name=f"board-{drive.name}") for drive in drives]
    try:
        for thread in threads:
            thread.start()
        wait_for_all()
    except BaseException:
        # Ctrl-C where signals are left alone, or no room for one more thread. Whoever called closes the links: a board
        # that was not told to stop would take that for a loss, connect again and measure on.
        tools.stop.set()
        roll.close()
        wait_for_all()
        raise
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def _turns_of(devices: Sequence[Device], tools: Tools) -> dict[str, Turns]:
    """By machine. One that is a single board needs no turn among commands: only one of them has the board."""
    boards = Counter(device.exclusion for device in devices)
    groups = {device.exclusion for device in devices if device.group}
    take = tools.machine
    return {
        machine: Turns(shared=number > 1, machine=take(machine) if take and machine in groups else None)
        for machine, number in boards.items()
    }


class _Roll:
    """How many of the boards' threads are still to come, and how many are here.

    The threads themselves cannot be asked. Python (3.11, 3.12) takes one for over when Ctrl-C meets whoever joins it,
    and knows nothing yet of one that it meets in the middle of a start.
    """

    def __init__(self, expected: int) -> None:
        self._changed = threading.Condition()
        self._expected = expected
        self._here = 0

    def enter(self) -> bool:
        """False for who comes after `close`."""
        with self._changed:
            if not self._expected:
                return False
            self._expected -= 1
            self._here += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self._here -= 1
            if self._is_over():
                self._changed.notify_all()

    def close(self) -> None:
        """Who has not come is not waited for, and needs not come any more."""
        with self._changed:
            self._expected = 0

    def wait(self, limit_s: float) -> bool:
        """Have all come and gone within the time?"""
        with self._changed:
            return self._changed.wait_for(self._is_over, limit_s)

    def _is_over(self) -> bool:
        return not self._expected and not self._here


def _look_once_for_all(drives: Sequence[Drive], jobs: Sequence[Job], tools: Tools) -> None:
    """Which of these jobs of boards that are ours already nobody else has done: a question for each board would keep
    the others waiting at the start."""
    owed = tools.ledger.still_owed([job.job_id for job in jobs if job.skip_reason is None])
    for drive in drives:
        drive.note_owed(owed)
