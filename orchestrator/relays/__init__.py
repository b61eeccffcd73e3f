"""Relays: a board that holds files for its site, so that a slow uplink carries each of them once.

The other boards of the site fetch from it over SSH. Whatever goes wrong with that, they are sent the file straight
from here; the user reads why, once a board, and each time is written down.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.devices import Device, Link
from orchestrator.events import Event, Noted
from orchestrator.links import Link as BoardLink
from orchestrator.records import FaultKind, LinkFault
from orchestrator.relays.bustle import Bustle
from orchestrator.relays.reach import RelayFault
from orchestrator.relays.relay import Relay
from orchestrator.session import AgentSession
from orchestrator.supply import Tell, Wanted
from orchestrator.transport import lending
from orchestrator.turns import Turns


class Relays:
    """The relays that the boards of a sweep have. Called from the boards' threads."""

    def __init__(self, relays: Sequence[Relay], notify: Callable[[Event], None]) -> None:
        self._of_site = {relay.device.site: relay for relay in relays}
        self._notify = notify
        self.guests = [relay.link for relay in relays if relay.guest]
        """Links to relays that are no boards of the sweep; they want to be kept in touch with, like the others."""
        self._guard = threading.Lock()
        self._without: set[str] = set()
        self._told: set[str] = set()
        self._keep: Callable[[LinkFault], None] = lambda _fault: None
        self._sweep_id: int | None = None

    def take_turns(self, turns: Mapping[str, Turns]) -> None:
        """`turns` by exclusion: those of the boards that measure."""
        for relay in self._of_site.values():
            if relay.device.exclusion in turns:
                relay.take_turns(turns[relay.device.exclusion])

    def keep_faults(self, keep: Callable[[LinkFault], None], sweep_id: int | None) -> None:
        """From now on each file that a relay does not give is written down for this sweep."""
        self._keep, self._sweep_id = keep, sweep_id

    def bustle_of(self, name: str) -> Bustle | None:
        """When a board was busy with files for its site; None for one that never is while it measures."""
        for relay in self._of_site.values():
            if relay.device.name == name and relay.device.push_while_measuring:
                return relay.bustle
        return None

    def close(self, *, politely: bool) -> None:
        """No board needs a relay any more; those that are boards of the sweep are closed with the others."""
        for relay in self._of_site.values():
            relay.link.lasting = False
        for link in self.guests:
            link.close(politely=politely)

    def bring(self, session: AgentSession, wanted: Wanted, tell: Tell) -> bool:
        """Have a board fetch a file from the relay of its site; False: push it. Raises the board's own errors.

        The file goes to the relay first, once, however many boards ask for it. `tell` hears bytes of either way.
        """
        device, relay = session.device, self._of_site.get(session.device.site)
        if relay is None or device.site is None:
            return False
        if device.name == relay.device.name:
            relay.take_in(session, wanted, tell)
            return True
        with self._guard:
            if device.name in self._without:
                return False
        if lending(session.transport) is None:
            return False
        try:
            relay.lend(session, wanted, tell)
        except RelayFault as fault:
            self._do_without(device, relay, fault)
            return False
        finally:
            if relay.guest:
                self._note_drops(relay)
        return True

    def _do_without(self, device: Device, relay: Relay, fault: RelayFault) -> None:
        with self._guard:
            told = device.name in self._told
            self._told.add(device.name)
            if fault.lasting:
                self._without.add(device.name)
        self._keep(self._detour(device, relay, fault))
        what = "its files" if fault.lasting else "this file"
        if fault.lasting or not told:
            text = f"gets {what} straight from here, not from the relay {relay.device.name}: {fault.reason}"
            self._notify(Noted(device.name, text))

    def _note_drops(self, relay: Relay) -> None:
        """A relay that is no board of the sweep has no thread that would do it."""
        with self._guard:
            faults = relay.link.take_drops(self._sweep_id)
        for fault in faults:
            self._keep(fault)

    def _detour(self, device: Device, relay: Relay, fault: RelayFault) -> LinkFault:
        now, what = datetime.now(UTC), "this file and those after it" if fault.lasting else "this file"
        return LinkFault(
            self._sweep_id,
            device.name,
            now,
            FaultKind.RELAY,
            f"{device.name}: no file from the relay {relay.device.name}: {fault.reason}",
            f"{what} sent straight from here",
            1,
            now,
        )


def find_relays(
    links: Sequence[BoardLink],
    everybody: Callable[[], Sequence[Device]],
    guests: Callable[[Sequence[Device]], Sequence[BoardLink]],
    notify: Callable[[Event], None],
) -> Relays:
    """The relays of the sites of these boards. `everybody` in the farm; `guests` makes links to boards that have none.

    A relay that is a board of the sweep itself stays connected until `close`.
    """
    if all(link.device.site is None for link in links):
        return Relays((), notify)
    devices = relays_of([link.device for link in links], everybody())
    known = {link.device.name: link for link in links}
    members = [known[device.name] for device in devices if device.name in known]
    for link in members:
        link.lasting = True
    relays = [Relay(link, guest=False) for link in members]
    others = [device for device in devices if device.name not in known]
    return Relays([*relays, *(Relay(link, guest=True) for link in guests(others))], notify)


def relays_of(devices: Sequence[Device], everybody: Sequence[Device]) -> list[Device]:
    """The relay of each site that these boards stand in; of several in one site, the first by name."""
    sites = {device.site for device in devices if device.link is Link.SSH and device.site is not None}
    found: dict[str, Device] = {}
    for device in sorted(everybody, key=lambda one: one.name):
        if device.relay and device.site in sites and device.link is Link.SSH:
            found.setdefault(str(device.site), device)
    return list(found.values())
