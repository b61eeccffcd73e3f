"""The board for one orchestrator: from its greeting to the lock, and what a visit finds put in order first.

Two things may stand in the way: another visit, which holds the lock, and a reservation of somebody else's.
"""

import contextlib
import os
import time
from typing import Any, Optional

from agent import reservation, spool, workshop
from agent.blobs import Breathe, clear_incoming
from agent.link import Link
from agent.lock import board_lock
from agent.places import Places
from agent.protocol import PROTOCOL_VERSION, Busy, Error, Hello, Ready, Reservation, Reserved

_LOCK_POLL_S = 0.1
_RESERVED_POLL_S = 1.0
_BEFORE_THE_GREETING = Hello(0, "")
"""What is usual until an orchestrator says what it wants."""


class Refusal(Exception):
    """No visit can come of this; `error` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = Error(code, message)


class Claim:
    """What one orchestrator has of the board. `held`: it is theirs until `release`."""

    def __init__(self, places: Places, link: Link, root: str) -> None:
        self.hello: Optional[Hello] = None
        self.held = False
        self._places, self._link, self._root = places, link, root
        self._lock = board_lock(places.root)
        self._until = 0.0
        self._greeted: Optional[reservation.Clock] = None
        self._origin = workshop.own_origin()

    @property
    def is_waiting(self) -> bool:
        """Has an orchestrator greeted, and was neither let in nor turned away yet?"""
        return self.hello is not None and not self.held

    @property
    def silence_limit_s(self) -> float:
        """When the orchestrator says nothing for so long it has gone."""
        return (self.hello or _BEFORE_THE_GREETING).silence_limit_s

    def greet(self, request: Any) -> None:
        """The first request of all, and of those that were turned away. Raises `Refusal`."""
        if not isinstance(request, Hello):
            self._link.say(Error("protocol", "expected hello first, found %s" % type(request).__name__.lower()))
        elif request.protocol != PROTOCOL_VERSION:
            text = "this agent speaks protocol %d, the orchestrator %d" % (PROTOCOL_VERSION, request.protocol)
            raise Refusal("protocol", text)
        else:
            self.hello = request
            self._until = time.monotonic() + request.lock_wait_s
            self._greeted = reservation.read_clock(self._root)
            self._note_use()

    def attempt(self, hello: Hello, breathe: Breathe) -> float:
        """Take the board for them, or turn them away when they wait no longer; when to try again (monotonic seconds).

        Raises `Refusal`.
        """
        try:
            self._places.make()
            taken = self._take(hello)
            if self.held:
                self._open(hello, breathe)
                return 0.0
        except OSError as error:
            raise self._give_up("the work folder cannot be used: %s" % error) from None
        now = time.monotonic()
        if now >= self._until:
            self._link.say(Busy(*self._lock.read_holder()) if taken is None else Reserved(taken))
            self.hello, self._link.heard_at = None, now
        return min(now + (_LOCK_POLL_S if taken is None else _RESERVED_POLL_S), max(now, self._until))

    def restore(self) -> None:
        """Put back what this visit, or one that died, changed on the board."""
        if os.path.lexists(self._places.restore):
            from agent import tuning

            tuning.restore(self._places, self._root)

    def release(self) -> None:
        """Leave the board to others."""
        self._lock.release()

    def _take(self, hello: Hello) -> Optional[Reservation]:
        """Where it was not taken: the reservation that stands in the way, if it is one."""
        taken = reservation.in_the_way(self._places, hello, self._root, self._greeted)
        if taken is None and self._lock.acquire(hello.holder):
            # Somebody may have reserved between the look and the lock.
            taken = reservation.in_the_way(self._places, hello, self._root, self._greeted)
            self.held = taken is None
            if taken is not None:
                self._lock.release()
        return taken

    def _open(self, hello: Hello, breathe: Breathe) -> None:
        """Put in order what a visit that died left behind, and let them in."""
        if self._origin.is_archive and not os.path.exists(self._origin.place):
            raise self._give_up("this agent was removed while it waited for the board: %s" % self._origin.place)
        reaped = workshop.reap_leftover(self._places)
        self.restore()
        clear_incoming(self._places)
        spool.clear_unfinished(self._places)
        reserved, notes = reservation.settle(self._places, hello, self._root, self._greeted)
        waiting, digest = spool.waiting(self._places), workshop.own_digest()
        place = self._places.root
        self._link.say(Ready(PROTOCOL_VERSION, digest, os.getpid(), waiting, reaped, place, reserved, notes))
        self._keep_bytecode(breathe)
        self._link.heard_at = time.monotonic()

    def _give_up(self, reason: str) -> Refusal:
        """Why no visit comes of it; others can have the board at once."""
        self.hello, self.held = None, False
        self._lock.release()
        return Refusal("internal", reason)

    def _note_use(self) -> None:
        """Before another version can have the board and remove what nobody used for long (`bytecode.py`)."""
        if self._origin.is_archive:
            with contextlib.suppress(OSError):
                os.utime(self._origin.place)

    def _keep_bytecode(self, breathe: Breathe) -> None:
        """On the first visit, before any request: later it would disturb what is measured."""
        if self._origin.is_archive and self._origin.is_text:
            from agent import bytecode

            bytecode.keep(self._places, self._origin.place, breathe)
