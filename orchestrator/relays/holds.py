"""What a relay holds or is being sent: each file once, however many ask for it."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.supply import LOOK_S

TRIES_A_FILE = 3
"""One fault is a hiccup of the link; a file that fails so often would fail once more for each neighbour."""


@dataclass
class Hold:
    """A file on its way to the relay, or there. Whoever comes later waits until it is `over`."""

    over: threading.Event = field(default_factory=threading.Event)
    fault: str = ""
    again: bool = False
    """May those who waited for it in vain try themselves at once?"""

    def wait(self, keep_up: Callable[[], None]) -> None:
        """What `keep_up` raises ends the wait."""
        while not self.over.wait(LOOK_S):
            keep_up()


class Holds:
    """By hash. Whoever claims a hold that is theirs must end it: by `fill`, `drop`, `fail` or `bar`."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._holds: dict[str, Hold] = {}
        self._faults: Counter[str] = Counter()

    def claim(self, digest: str, *, anew: bool = False) -> tuple[Hold, bool]:
        """The hold of a file, and whether it is the caller's to end. `anew`: what is over does not count."""
        with self._guard:
            hold = self._holds.get(digest)
            mine = hold is None or (anew and hold.over.is_set())
            if hold is None or mine:
                hold = self._holds[digest] = Hold()
            return hold, mine

    def fill(self, digest: str, hold: Hold) -> None:
        """The file is there."""
        with self._guard:
            del self._faults[digest]
        hold.over.set()

    def drop(self, digest: str, hold: Hold, fault: str, *, again: bool) -> None:
        """It was no fault of the file's: the next one who wants it tries anew."""
        self.forget(digest, hold)
        hold.fault, hold.again = fault, again
        hold.over.set()

    def fail(self, digest: str, hold: Hold, fault: str) -> None:
        """The next one tries anew, but for a file that failed too often."""
        with self._guard:
            self._faults[digest] += 1
            is_hopeless = self._faults[digest] >= TRIES_A_FILE
        if is_hopeless:
            self.bar(hold, fault)
        else:
            self.drop(digest, hold, fault, again=True)

    def bar(self, hold: Hold, fault: str) -> None:
        """It is not tried again for a neighbour."""
        hold.fault = fault
        hold.over.set()

    def forget(self, digest: str, hold: Hold) -> None:
        """The relay has it no more, unless somebody sends it again already."""
        with self._guard:
            if self._holds.get(digest) is hold:
                del self._holds[digest]

    def on_their_way(self) -> list[str]:
        with self._guard:
            return sorted(digest for digest, hold in self._holds.items() if not hold.over.is_set())
