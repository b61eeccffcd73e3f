"""Reserving boards and giving them back: in the store, where one wins, and on the boards, which others hear."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from orchestrator.claims import Claim, myself
from orchestrator.devices import Device
from orchestrator.errors import BoardError, BoardReserved
from orchestrator.events import Event
from orchestrator.farm import Farm
from orchestrator.launch import open_links
from orchestrator.links import Keeper, Link
from orchestrator.records import Ending, LeaseKind, LeaseRecord
from orchestrator.schedule import muster
from orchestrator.store import Store
from orchestrator.tenancy import Claims, note_told


@dataclass(frozen=True)
class Outcome:
    """What came of one board. `record` is the reservation: the one made, the one that stands in the way, or the one
    that was ended; None where there was none.

    `done`: it was reserved, or is free now. `told`: the board itself knows; `trouble` is why it does not.
    """

    device: str
    record: LeaseRecord | None
    done: bool
    told: bool = False
    trouble: str = ""


class Visitor:
    """How boards are visited: a farm, its store, who listens, and what stops it."""

    def __init__(self, farm: Farm, store: Store, notify: Callable[[Event], None], stop: threading.Event) -> None:
        self._farm = farm
        self._notify = notify
        self._stop = stop
        self.store = store

    @property
    def is_stopped(self) -> bool:
        """Did the user ask to stop? Boards that had not answered by then were not waited for."""
        return self._stop.is_set()

    def visit(
        self, devices: Sequence[Device], claims: Callable[[str], Claim] | None = None
    ) -> tuple[dict[str, Link], dict[str, BoardError]]:
        """Tell boards what holds now; the links, closed again, and the errors of those that could not be told."""
        links = open_links(self._farm, devices, self._notify, self._stop, claims or Claims(self.store))
        errors: dict[str, BoardError] = {}
        with Keeper(links):
            muster(links, 0.0, errors.__setitem__, self._stop, self._farm.settings.connections)
            for link in links:
                link.close(politely=not self._stop.is_set())
        for name in [link.device.name for link in links if self.is_stopped and link.facts is None]:
            errors.setdefault(name, BoardError(name, f"{name}: stopped before it answered"))
        note_told(self.store, links)
        return {link.device.name: link for link in links}, errors


def reserve(visitor: Visitor, devices: Sequence[Device], term_s: float, why: str) -> list[Outcome]:
    """Reserve boards for ourselves; one outcome a board, in their order.

    A board that cannot be reached is reserved among those who share the store, and hears of it at the next visit of
    its owner. One that somebody reserved from another store is not: the board's word is older than ours.
    """
    me, now = myself(), datetime.now(UTC)
    held = visitor.store.reservations.reserve(
        [device.name for device in devices], me, why, now, now + timedelta(seconds=term_s)
    )
    ours = [device for device in devices if held[device.name].owner == me]
    links, errors = visitor.visit(ours)
    return [_reserved(visitor.store, held[device.name], links, errors, me) for device in devices]


def release(visitor: Visitor, devices: Sequence[Device], *, force: bool) -> list[Outcome]:
    """Give boards back, or with `force` take them from whoever has them; one outcome a board, in their order."""
    store, me, now = visitor.store, myself(), datetime.now(UTC)
    held = store.reservations.active(now)
    ended: dict[str, LeaseRecord] = {}
    for device in devices:
        record = held.get(device.name)
        if record is not None and (record.owner == me or force):
            how = Ending.RELEASED if record.owner == me else Ending.FORCED
            if store.reservations.end(record.key, me, how, now):
                ended[device.name] = record.over(now, how, me)
    open_to_us = [device for device in devices if device.name in ended or device.name not in held]
    links, errors = visitor.visit(open_to_us)
    for name, found in _on_boards_only(links, errors, me).items():
        if found.owner == me or force:
            how = Ending.RELEASED if found.owner == me else Ending.FORCED
            ended[name] = found.over(now, how, me)
            store.reservations.keep_foreign(ended[name])
    again = [device for device in open_to_us if device.name in ended and not _is_told(links, errors, device.name)]
    if again and not visitor.is_stopped:
        more, errors_then = visitor.visit(again)
        links |= more
        errors = {name: error for name, error in errors.items() if name not in more} | errors_then
    return [_released(device.name, ended, held, links, errors) for device in devices]


def _reserved(
    store: Store, record: LeaseRecord, links: Mapping[str, Link], errors: Mapping[str, BoardError], me: str
) -> Outcome:
    name = record.device
    error = errors.get(name)
    if record.owner != me:
        return Outcome(name, record, done=False)
    if isinstance(error, BoardReserved):
        store.reservations.end(record.key, me, Ending.REFUSED, datetime.now(UTC))
        return Outcome(name, _of_board(error), done=False)
    reserved = links[name].reserved
    if reserved is not None and reserved.id == record.key:
        return Outcome(name, replace(record, told=datetime.now(UTC)), done=True, told=True)
    trouble = error.message if error is not None else f"{name}: its agent did not note it down"
    return Outcome(name, record, done=True, trouble=trouble)


def _released(
    name: str,
    ended: Mapping[str, LeaseRecord],
    held: Mapping[str, LeaseRecord],
    links: Mapping[str, Link],
    errors: Mapping[str, BoardError],
) -> Outcome:
    error = errors.get(name)
    if name not in ended and name in held:
        return Outcome(name, held[name], done=False)
    if name not in ended and isinstance(error, BoardReserved):
        return Outcome(name, _of_board(error), done=False)
    told = _is_told(links, errors, name)
    trouble = error.message if error is not None else ""
    return Outcome(name, ended.get(name), done=name in ended or told, told=told, trouble=trouble)


def _is_told(links: Mapping[str, Link], errors: Mapping[str, BoardError], name: str) -> bool:
    """The board let us in, and keeps no reservation for anybody."""
    return name in links and name not in errors and links[name].reserved is None


def _on_boards_only(links: Mapping[str, Link], errors: Mapping[str, BoardError], me: str) -> dict[str, LeaseRecord]:
    """Reservations that boards keep although this store knows of none: they were made from another one."""
    found = {name: _of_board(error) for name, error in errors.items() if isinstance(error, BoardReserved)}
    now = datetime.now(UTC)
    for name, link in links.items():
        if name not in errors and link.reserved is not None:
            told = link.reserved
            until = now + timedelta(seconds=told.left_s)
            found[name] = LeaseRecord(name, LeaseKind.RESERVATION, me, told.why, now, told.id, until)
    return found


def _of_board(error: BoardReserved) -> LeaseRecord:
    now = datetime.now(UTC)
    until = error.until.astimezone(UTC)
    return LeaseRecord(error.device, LeaseKind.RESERVATION, error.owner, error.why, now, error.key, until, told=now)
