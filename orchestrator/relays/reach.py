"""The session with a relay: one that its own thread keeps, or, for a guest, one that is opened when it is needed."""

import math
import threading
import time
from collections.abc import Callable

from orchestrator.errors import BoardBusy, BoardError, BoardLost, DynofarmError, TransferCorrupt, Unreachable
from orchestrator.links import Link
from orchestrator.session import AgentSession
from orchestrator.supply import LOOK_S
from orchestrator.transport.push_lines import LINK_LIMIT_S

PASSING = (BoardBusy, BoardLost, Unreachable, TransferCorrupt)
"""Somebody looks at the gateway, another sweep has it, its network was away. A host key, a refused login, a board that
is unfit or full are the same next time."""

TRY_AGAIN_S = 60.0
"""After that; meanwhile its neighbours are pushed to straight, and wait for no connection that is not made."""


class RelayFault(Exception):
    """Why a neighbour does not get a file from the relay; `lasting`: there is no point in trying for another file."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


class Reach:
    """`guest`: the link is ours to open and to close. Called from the threads of the neighbours."""

    def __init__(self, link: Link, *, guest: bool) -> None:
        self._link = link
        self._guest = guest
        self._turn = threading.Lock()
        self._lost: AgentSession | None = None
        """Its link did not answer; its own thread may not know that yet."""
        self._lost_s = self._refused_s = -math.inf
        self._refusal: tuple[str, bool] | None = None
        """Why a guest was not opened, and whether that lasts."""

    def session(self, keep_up: Callable[[], None]) -> AgentSession:
        """Raises `RelayFault`. `keep_up` is called while another opens it: what it raises ends the wait."""
        while not self._turn.acquire(timeout=LOOK_S):
            keep_up()
        try:
            return self._guests() if self._guest else self._members()
        finally:
            self._turn.release()

    def is_lost(self, session: AgentSession) -> bool:
        """After a fault: was it the whole session, and not the file that it carried? Then it is not used again soon."""
        lost = not session.transport.answers(LINK_LIMIT_S)
        if self._guest and not lost:
            with self._turn:
                lost = not _answers(session)
        if lost:
            self._lost, self._lost_s = session, time.monotonic()
        return lost

    def _members(self) -> AgentSession:
        """A board of the sweep is connected again by its own thread, so that every file is tried."""
        session = self._link.session
        is_lost = session is self._lost and time.monotonic() < self._lost_s + TRY_AGAIN_S
        if session is None or is_lost or not _has_started(session):
            raise RelayFault("it is not connected", lasting=False)
        return session

    def _guests(self) -> AgentSession:
        session = self._link.session
        if session is not None and session is not self._lost:
            return session
        self._link.close(politely=False)
        return self._open()

    def _open(self) -> AgentSession:
        if self._refusal is None or not (self._refusal[1] or time.monotonic() < self._refused_s + TRY_AGAIN_S):
            try:
                session = self._link.open(0.0)
            except DynofarmError as error:
                self._refusal = error.message, not isinstance(error, PASSING)
                self._refused_s = time.monotonic()
            else:
                self._refusal = None
                return session
        reason, lasting = self._refusal
        raise RelayFault(reason, lasting=lasting)


def _has_started(session: AgentSession) -> bool:
    try:
        session.verb("ask")
    except BoardLost:
        return False
    return True


def _answers(session: AgentSession) -> bool:
    """The agent itself: its link may live when it does not. Only for a guest, whose talk nobody else listens to."""
    try:
        session.holdings([])
    except BoardError:
        return False
    return True
