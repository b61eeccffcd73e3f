"""Which boards of a sweep take part, and a place to wait in without looking round."""

import threading
from collections.abc import Collection


class Company:
    """The boards that were reached and are not done. Who was never reached is worth a try only while they measure.

    Waiting costs nothing: whoever waits is woken by the end of the wait, by `close`, or when the last board leaves.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._changed = threading.Condition()
        self._is_one = len(set(names)) == 1
        self._here: set[str] = set()
        self._well: set[str] = set()
        self._closed = False

    def enter(self, name: str) -> None:
        """It was reached for the first time."""
        with self._changed:
            self._here.add(name)
            self._well.add(name)

    def note(self, name: str, *, well: bool) -> None:
        """It was lost, or is back."""
        with self._changed:
            (self._well.add if well else self._well.discard)(name)

    def others_are_well(self, name: str) -> bool:
        """Was the last that was heard of any other board good? Else the fault is rather on our side of the network. A
        board that is the only one of its sweep tells nothing, and counts as hung."""
        with self._changed:
            return self._is_one or bool(self._well - {name})

    def leave(self, name: str) -> None:
        """No harm if it never entered."""
        with self._changed:
            self._here.discard(name)
            if not self._here:
                self._changed.notify_all()

    @property
    def is_empty(self) -> bool:
        with self._changed:
            return not self._here

    def wait(self, limit_s: float, *, for_company: bool) -> None:
        """Let time pass; with `for_company` only while somebody is here."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (for_company and not self._here), limit_s)

    def close(self) -> None:
        """Send everybody away who waits. For a user who asks to stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
