"""A circuit breaker for the link to one board: when to try again, and when to leave it alone. Pure: time and chance are
handed in, nothing is waited for here.

    closed ──third fault in a row──► open ──its pause is over──► half open ──fault──► open, with a longer pause
       ▲                                                            │
       └──────────────────── the probe went through ────────────────┘

Before each try stands a pause of `uniform(0, bound)` with a bound that doubles from fault to fault ("full jitter"):
boards that went together, as a rack whose switch was started again, do not come back together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(frozen=True)
class Limits:
    """How long a board is run after. All chosen, none measured.

    `faults`: so many in a row open the breaker: a link that is merely bad comes back before that.
    `first_s`, `longest_s`: the bound of the first pause, and the most that it grows to. A Raspberry Pi starts in 20 to
    60 s: a longer pause would only let it idle.
    `attempts`, `patience_s`: after so many faults without anything done between them, or so long without an answer,
    the board is left alone for this sweep. Five minutes are a slow start after a file system check.
    """

    faults: int = 3
    first_s: float = 1.0
    longest_s: float = 60.0
    attempts: int = 12
    patience_s: float = 300.0


USUAL = Limits()


class Breaker:
    """One board's. For one thread.

    `clock` gives seconds that only grow; `dice(0.0, bound)` a number between the two.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float], dice: Callable[[float, float], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._dice = dice
        self._state = State.CLOSED
        self._in_a_row = 0
        self._until = -math.inf
        self._troubled_since: float | None = None
        self.attempt = 0
        """Faults since the board last did something for the sweep."""

    @property
    def state(self) -> State:
        """An open one becomes half open only by `admit`."""
        return self._state

    @property
    def wait_s(self) -> float:
        """How long until the next try may be made; 0 when it may be made now."""
        return max(0.0, self._until - self._clock())

    @property
    def is_hopeless(self) -> bool:
        """Is it time to leave the board alone for this sweep?"""
        if self._troubled_since is None:
            return False
        waited_s = self._clock() - self._troubled_since
        return self.attempt >= self._limits.attempts or waited_s >= self._limits.patience_s

    def admit(self) -> bool:
        """May a connection be tried now? Of a half-open one, only one is out at a time."""
        if self._state is State.HALF_OPEN or self.wait_s > 0:
            return False
        if self._state is State.OPEN:
            self._state = State.HALF_OPEN
        return True

    def fault(self) -> float:
        """The link broke, or could not be made. Returns the pause before the next try, in seconds."""
        now, limits = self._clock(), self._limits
        self.attempt += 1
        self._in_a_row += 1
        if self._troubled_since is None:
            self._troubled_since = now
        if self._state is not State.CLOSED or self._in_a_row >= limits.faults:
            self._state = State.OPEN
        bound_s = min(limits.longest_s, limits.first_s * 2.0 ** min(self.attempt - 1, 60))
        pause_s = self._dice(0.0, bound_s)
        self._until = now + pause_s
        return pause_s

    def reached(self) -> None:
        """A connection stands: a half-open breaker is closed by it. Faults are still counted until there is `progress`:
        a board that lets itself be reached and is gone with every job must not be run after for ever."""
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._in_a_row = 0
        self._until = -math.inf
        self._troubled_since = None

    def progress(self) -> None:
        """The board did something for the sweep: whatever was, is forgotten."""
        self.reached()
        self._in_a_row = 0
        self.attempt = 0

    def renew(self) -> None:
        """Its power was switched off and on: it stays open, and is given all its time anew to start."""
        self._in_a_row = 0
        self.attempt = 0
        self._troubled_since = self._clock()
