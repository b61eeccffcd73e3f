"""One board's link through a sweep: opened, kept in touch with, opened again after a loss."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from agent.protocol import Conditions, Facts, Probed, Reservation
from orchestrator.bundle import AgentArchive
from orchestrator.claims import Claim
from orchestrator.conversation import TOUCH_EVERY_S, Stopped
from orchestrator.devices import Device
from orchestrator.errors import BoardBusy, BoardError, BoardReserved
from orchestrator.events import Connected, Connecting, Event, Noted, Waiting
from orchestrator.records import FaultKind, LinkFault
from orchestrator.session import AgentSession
from orchestrator.transport import Drop, Transport

RESERVED_POLL_S = 1.0
STOP_LOOK_S = 0.25


class Connect(Protocol):
    """What connects to a device (`transport.connect`). `dropped` hears of servers that hang up and are tried again."""

    def __call__(self, device: Device, /, *, dropped: Callable[[Drop], None]) -> Transport: ...


class Link:
    """A device and its agent session, while there is one.

    `slots` bounds how many links of a farm are being made at a time, at the start and when a rack comes back alike.
    """

    def __init__(
        self,
        device: Device,
        connect: Connect,
        archive: AgentArchive,
        holder: str,
        notify: Callable[[Event], None],
        stop: threading.Event,
        slots: threading.Semaphore | None = None,
        claims: Callable[[str], Claim] | None = None,
    ) -> None:
        self.device = device
        self.claim: Claim | None = None
        """What the board was told last about whose visit it is."""
        self.reserved: Reservation | None = None
        self.facts: Facts | None = None
        self.conditions: Conditions | None = None
        self.session: AgentSession | None = None
        self._claims = claims
        self._connect = connect
        self._archive = archive
        self._holder = holder
        self._notify = notify
        self.stop = stop
        self._slots = slots or threading.Semaphore()
        self._transport: Transport | None = None
        self._attempts = 0
        self._drops: list[Drop] = []
        self._reached_at = datetime.min.replace(tzinfo=UTC)
        self.lasting = False
        """It stays open when the board's own jobs are done: its neighbours still fetch from it."""

    def open(self, lock_wait_s: float) -> AgentSession:
        """Connect, start the agent, take the board's lock, probe, tune. Raises the board's errors; open: no work.

        A busy board is asked once without waiting, so that the user reads who holds it, and once with; whoever waits
        for a lock keeps no other from connecting. `Stopped` when the user asks to stop before it is this link's turn.

        A board that was never had is not taken while the store says that somebody else has reserved it: the board
        itself may not have heard of that yet.
        """
        if self.session is not None:
            return self.session
        try:
            lock_wait_s = self._wait_for_owner(lock_wait_s)
            try:
                with self._slots:
                    self._reach()
                    probed = self._probe()
            except BoardBusy as busy:
                if lock_wait_s <= 0 or _lasts_longer(busy, lock_wait_s):
                    raise
                self._notify(Waiting(self.device.name, busy.message))
                if self.session is not None:
                    self.session.close(politely=False)
                self._start(lock_wait_s)
                probed = self._probe()
        except BaseException:
            self.close(politely=False)
            raise
        self._reached_at = datetime.now(UTC)
        self.facts, self.conditions = probed.facts, probed.conditions
        self._notify(Connected(self.device.name, probed.facts))
        assert self.session is not None  # noqa: S101 - it answered just now
        return self.session

    def kept_out(self) -> BoardReserved | None:
        """Whose the board is, as an error, when the store says now that somebody else has reserved it."""
        claim = self._ask_claim()
        return None if claim is None else claim.kept_out(datetime.now().astimezone())

    def _wait_for_owner(self, wait_s: float) -> float:
        """As for a lock: only as long as may be waited, and not in vain. What is left of the wait then, seconds."""
        until_s, told = time.monotonic() + wait_s, False
        while True:
            left_s = max(0.0, until_s - time.monotonic())
            self.claim = self._ask_claim()
            kept = self._kept_out_by(self.claim)
            if kept is None:
                return left_s
            if left_s <= 0 or _lasts_longer(kept, left_s):
                raise kept
            if not told:
                self._notify(Waiting(self.device.name, kept.message))
                told = True
            if self.stop.wait(min(RESERVED_POLL_S, left_s)):
                raise Stopped

    def _reach(self) -> None:
        """Connect and start the agent, without waiting for its lock."""
        if self.stop.is_set():
            raise Stopped
        self._attempts += 1
        self._notify(Connecting(self.device.name, self._attempts))
        self._transport = self._connect(self.device, dropped=self._drops.append)
        if self._attempts == 1:
            for warning in self._transport.warnings:
                self._notify(Noted(self.device.name, warning))
        self._start(0.0)

    def _probe(self) -> Probed:
        assert self.session is not None  # noqa: S101 - started by the caller
        probed = self.session.probe()
        self._tune(self.session)
        return probed

    def _tune(self, session: AgentSession) -> None:
        """A board that does not let its clock be set is measured all the same: its conditions are recorded."""
        device = self.device
        if device.governor is not None or device.clock_khz is not None:
            refused = session.tune(device.governor, device.clock_khz).refused
            if refused and self._attempts == 1:
                self._notify(Noted(device.name, refused))

    def _start(self, lock_wait_s: float) -> None:
        assert self._transport is not None  # noqa: S101 - opened by the caller
        self.session = AgentSession(self.device, self._transport, self._archive, self.stop)
        ready = self.session.start(self._holder, lock_wait_s, self.claim)
        self.reserved = ready.reserved
        for note in ready.notes:
            self._notify(Noted(self.device.name, note))
        kept = self._kept_out_by(self._ask_claim() if self.facts is None else None)
        if kept is not None:
            # The lock may have come late: whoever reserved the board meanwhile finds it free at once.
            self.session.close(politely=True)
            self.session = None
            raise kept

    def _ask_claim(self) -> Claim | None:
        return None if self._claims is None else self._claims(self.device.name)

    def _kept_out_by(self, claim: Claim | None) -> BoardReserved | None:
        """Where somebody else's reservation keeps us from a board that we never had."""
        return None if claim is None or self.facts is not None else claim.kept_out(datetime.now().astimezone())

    def wake(self) -> None:
        """Have who waits for a word of the agent see whether the user wants to stop. For any thread."""
        session = self.session
        if session is not None:
            session.wake()

    def take_drops(self, sweep_id: int | None, attempts: int = 0) -> list[LinkFault]:
        """How often the server hung up since this was last asked, to be written down. `attempts`: faults before."""
        drops = self._drops[:]
        del self._drops[: len(drops)]
        return [
            LinkFault(
                sweep_id,
                self.device.name,
                drop.at,
                FaultKind.DROPPED,
                drop.message,
                f"tried again after {drop.pause_s:.1f} s",
                attempts + number,
                self._reached_at if self._reached_at >= drop.at else None,
            )
            for number, drop in enumerate(drops, 1)
        ]

    def close(self, *, politely: bool) -> None:
        """Give the session and the connection up. Never raises."""
        if politely and self.lasting:
            return
        session, transport = self.session, self._transport
        self.session = self._transport = None
        if session is not None:
            session.close(politely=politely)
        if transport is not None:
            transport.close()


def _lasts_longer(busy: BoardBusy, wait_s: float) -> bool:
    """Is it known that waiting so long is in vain?"""
    return isinstance(busy, BoardReserved) and (busy.until - datetime.now(UTC)).total_seconds() > wait_s


class Keeper:
    """Does for all boards what each one's thread would have to wake for: one thread tells idle agents that their
    orchestrator lives (see `AgentSession.touch`), and another, which no board can hold up, tells of a wish to stop."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("keeper", self._keep), ("keeper of the stop", self._watch))
        ]

    def _keep(self) -> None:
        while not self._done.wait(TOUCH_EVERY_S / 2):
            for link in self._links:
                session = link.session
                try:
                    if session is not None:
                        session.touch()
                except BoardError:
                    continue  # the board's own thread will meet the same end and say so

    def _watch(self) -> None:
        stops = {link.stop for link in self._links}
        while not self._done.wait(STOP_LOOK_S):
            if any(stop.is_set() for stop in stops):
                for link in self._links:
                    link.wake()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
