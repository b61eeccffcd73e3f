"""What a visit to boards has to do with who else has them: claims before it, the audit trail around it."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from orchestrator.claims import Claim, myself
from orchestrator.errors import DynofarmError
from orchestrator.events import BoardDone, BoardFailed, Connected, Event
from orchestrator.links import Link
from orchestrator.records import Ending, Lease, LeaseRecord
from orchestrator.store import Store

CURRENT_S = 1.0


class Claims:
    """What to say to a board at the beginning of a visit, by its name, and who else has it. For any thread.

    The store is asked once for all boards that are first visited within a second, and each time that one asks again:
    what was reserved a moment ago counts before a lock is kept, or power is switched off.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._me = myself()
        self._active: dict[str, LeaseRecord] = {}
        self._lifted: dict[str, tuple[str, ...]] = {}
        self._answered: set[str] = set()
        self._asked_at_s = -math.inf
        self._turn = threading.Lock()

    def __call__(self, device: str) -> Claim:
        with self._turn:
            if device in self._answered or time.monotonic() - self._asked_at_s > CURRENT_S:
                self._ask()
            self._answered.add(device)
            record, lifted = self._active.get(device), self._lifted.get(device, ())
            if record is None or record.owner == self._me:
                return Claim(self._me, record, lifted)
            return Claim(self._me, None, lifted, record)

    def _ask(self) -> None:
        now, self._asked_at_s = datetime.now(UTC), time.monotonic()
        self._active, self._lifted = self._store.reservations.active(now), self._store.reservations.lifted(now)


def note_told(store: Store, links: Sequence[Link]) -> None:
    """Write down which reservations the boards know of now."""
    wanted = [link.claim.reserved for link in links if link.claim is not None]
    untold = {record.key for record in wanted if record is not None and record.told is None}
    told = [link.reserved.id for link in links if link.reserved is not None and link.reserved.id in untold]
    if told:
        store.reservations.note_told(told, datetime.now(UTC))


class Tenancy:
    """The stay of a sweep on its boards, in the audit trail: one transaction when it begins, one when it ends.

    In between it listens to the events: a board that is reached late gets its line then, and each board's stay ends in
    the record when it ended on the board.
    """

    def __init__(self, store: Store, holder: str, notify: Callable[[Event], None]) -> None:
        self._store = store
        self._holder = holder
        self._notify = notify
        self._sweep: tuple[int, str] | None = None
        self._reached: set[str] = set()
        self._leases: list[Lease] = []
        self._ended: dict[str, tuple[datetime, Ending]] = {}
        self._turn = threading.Lock()

    def begin(self, sweep_id: int) -> None:
        """The boards that were reached are the sweep's from now on."""
        with self._turn:
            self._sweep = sweep_id, self._store.sweep(sweep_id).name
            self._lease(sorted(self._reached))

    def notify(self, event: Event) -> None:
        """Pass an event on; that of a board's end is the end of our stay there."""
        if isinstance(event, Connected):
            with self._turn:
                if self._sweep is not None and event.device not in self._reached:
                    self._lease([event.device])
                self._reached.add(event.device)
        elif isinstance(event, BoardDone | BoardFailed):
            how = Ending.DONE if isinstance(event, BoardDone) else Ending.FAILED
            with self._turn:
                self._ended[event.device] = datetime.now(UTC), how
        self._notify(event)

    def _lease(self, devices: Sequence[str]) -> None:
        assert self._sweep is not None  # noqa: S101 - the callers looked
        sweep_id, why = self._sweep
        self._leases += self._store.lease_boards(devices, self._holder, owner=myself(), why=why, sweep_id=sweep_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._leases:
            return
        rest = datetime.now(UTC), Ending.STOPPED
        try:
            self._store.release_all([(lease, *self._ended.get(lease.device, rest)) for lease in self._leases])
        except DynofarmError:
            if error is None:  # else the user shall read what came first
                raise
