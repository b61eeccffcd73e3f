"""One job at a time among boards that are one machine, in the order of asking."""

import threading
from collections import deque


class Turns:
    """A lock that is fair: whoever asked first comes first, so that boards of one machine alternate job by job and
    slow drift of the machine falls on all of them alike. `threading.Lock` would let one board go on to its end."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    def ask(self) -> object:
        """Stand in line. The ticket must be given back with `leave`."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
        return ticket

    def wait(self, ticket: object, timeout_s: float) -> bool:
        """Is it this ticket's turn within the time?"""
        with self._changed:
            return self._changed.wait_for(lambda: self._line[0] is ticket, timeout_s)

    def leave(self, ticket: object) -> None:
        """Done, or not wanted any more: the next one's turn."""
        with self._changed:
            self._line.remove(ticket)
            self._changed.notify_all()
