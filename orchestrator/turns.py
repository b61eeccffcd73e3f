"""One job at a time among boards that are one machine, in the order of asking; among commands, too (`machines.py`)."""

import threading
import time
from collections import deque
from collections.abc import Callable

from orchestrator.machines import MachineTurn

POLL_S = 0.02
"""How often the first in line looks whether another command has left the machine."""


class Ticket:
    """A place in the line of a `Turns`. Each waits for its own turn: nobody is woken for another's."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.kept_until_s: float | None = None
        """Set for one whose board was lost in mid-job: nobody else's turn comes before that."""


class Turns:
    """A lock that is fair: whoever asked first comes first, so that boards of one machine alternate job by job and
    slow drift of the machine falls on all of them alike. `threading.Lock` would let one board go on to its end."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        shared: bool = True,
        machine: MachineTurn | None = None,
    ) -> None:
        self.shared = shared
        """Has the machine more than one board?"""
        self._clock = clock
        self._machine = machine
        self._is_ours = machine is None
        self._lock = threading.Lock()
        self._line: deque[Ticket] = deque()
        self._closed = False

    def ask(self) -> Ticket:
        """Stand in line. The ticket must be given back with `leave`."""
        ticket = Ticket()
        with self._lock:
            self._line.append(ticket)
            self._call()
        return ticket

    def wait(self, ticket: Ticket, timeout_s: float | None = None) -> bool:
        """Is it this ticket's turn within the time? False as well once `close` was called."""
        until_s = None if timeout_s is None else self._clock() + timeout_s
        while True:
            with self._lock:
                self._drop_overdue()
                if self._closed:
                    return False
                first = self._line[0]
                if first is ticket and self._take_machine():
                    return True
                look_s = self._clock() + POLL_S if first is ticket else first.kept_until_s
                moments_s = [moment_s for moment_s in (until_s, look_s) if moment_s is not None]
                ticket.called.clear()
            now_s = self._clock()
            if until_s is not None and now_s >= until_s:
                return False
            ticket.called.wait(max(0.0, min(moments_s) - now_s) if moments_s else None)

    def keep(self, ticket: Ticket, limit_s: float) -> None:
        """Its board was lost while it measured, and may go on measuring for so long: the turn stays its own until then,
        or until `leave`, whichever comes first. Not among commands: another may have that very board by then, which
        has left our job behind, and would wait for us while we wait for it."""
        with self._lock:
            if ticket in self._line:
                if self._line[0] is ticket:
                    self._leave_machine()
                ticket.kept_until_s = self._clock() + limit_s
                self._call()

    def take_up(self, ticket: Ticket | None) -> Ticket:
        """The turn that was kept, as one's own again; a new place in the line where there is none any more."""
        with self._lock:
            if ticket is not None and ticket in self._line:
                ticket.kept_until_s = None
                return ticket
        return self.ask()

    def leave(self, ticket: Ticket) -> None:
        """Done, or not wanted any more: the next one's turn. No harm for one that was kept until its time was over."""
        with self._lock:
            if ticket in self._line:
                if self._line[0] is ticket:
                    self._leave_machine()
                self._line.remove(ticket)
                self._call()

    def close(self) -> None:
        """No more turns: whoever waits is sent away. For a user who asks to stop."""
        with self._lock:
            self._closed = True
            for ticket in self._line:
                ticket.called.set()

    def measured_by(self) -> str:
        """The other command that measures, for the first in line who waits; empty where it is a board of ours."""
        with self._lock:
            return "" if self._machine is None or self._is_ours else self._machine.measured_by()

    def _take_machine(self) -> bool:
        if self._machine is not None and not self._is_ours:
            self._is_ours = self._machine.take()
        return self._is_ours

    def _leave_machine(self) -> None:
        if self._machine is not None:
            self._machine.leave()
            self._is_ours = False

    def _drop_overdue(self) -> None:
        while self._line and self._line[0].kept_until_s is not None and self._line[0].kept_until_s <= self._clock():
            self._line.popleft()
            self._call()

    def _call(self) -> None:
        """Whose turn it is, and who must watch how long a kept turn lasts, look again."""
        for place in range(min(2, len(self._line))):
            self._line[place].called.set()
