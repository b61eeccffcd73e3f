"""One job at a time among boards that are one machine, in the order of asking."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Ticket:
    """A place in the line of a `Turns`. Each waits for its own turn: nobody is woken for another's."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.kept_until_s: float | None = None
        """Set for one whose board was lost in mid-job: nobody else's turn comes before that."""


class Turns:
    """A lock that is fair: whoever asked first comes first, so that boards of one machine alternate job by job and
    slow drift of the machine falls on all of them alike. `threading.Lock` would let one board go on to its end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, shared: bool = True) -> None:
        self.shared = shared
        """Has the machine more than one board?"""
        self._clock = clock
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
                if self._closed or self._line[0] is ticket:
                    return not self._closed
                moments_s = [moment_s for moment_s in (until_s, self._line[0].kept_until_s) if moment_s is not None]
                ticket.called.clear()
            now_s = self._clock()
            if until_s is not None and now_s >= until_s:
                return False
            ticket.called.wait(max(0.0, min(moments_s) - now_s) if moments_s else None)

    def keep(self, ticket: Ticket, limit_s: float) -> None:
        """Its board was lost while it measured, and may go on measuring for so long: the turn stays its own until then,
        or until `leave`, whichever comes first."""
        with self._lock:
            if ticket in self._line:
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
                self._line.remove(ticket)
                self._call()

    def close(self) -> None:
        """No more turns: whoever waits is sent away. For a user who asks to stop."""
        with self._lock:
            self._closed = True
            for ticket in self._line:
                ticket.called.set()

    def _drop_overdue(self) -> None:
        while self._line and self._line[0].kept_until_s is not None and self._line[0].kept_until_s <= self._clock():
            self._line.popleft()
            self._call()

    def _call(self) -> None:
        """Whose turn it is, and who must watch how long a kept turn lasts, look again."""
        for place in range(min(2, len(self._line))):
            self._line[place].called.set()
