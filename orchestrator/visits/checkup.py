"""Reaching boards without measuring: connect, probe, leave."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.protocol import Conditions, Facts
from orchestrator.devices import Device
from orchestrator.errors import BoardError
from orchestrator.events import Event
from orchestrator.farm import Farm
from orchestrator.launch import open_links
from orchestrator.links import Keeper
from orchestrator.schedule import muster
from orchestrator.store import Store
from orchestrator.tenancy import Claims, note_told


@dataclass(frozen=True)
class Checkup:
    """What one board answered: facts and conditions, or the error."""

    device: Device
    facts: Facts | None = None
    conditions: Conditions | None = None
    error: BoardError | None = None


def check_devices(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    notify: Callable[[Event], None],
    stop: threading.Event,
    lock_wait_s: float = 0.0,
) -> list[Checkup]:
    """Probe every device, many at once, and remember the facts. One entry a device, in their order."""
    links = open_links(farm, devices, notify, stop, Claims(store))
    errors: dict[str, BoardError] = {}
    with Keeper(links):
        muster(links, lock_wait_s, errors.__setitem__, stop, farm.settings.connections)
        for link in links:
            link.close(politely=True)
    note_told(store, links)
    for link in links:
        if link.facts is not None and link.conditions is not None:
            store.remember_facts(link.device.name, link.facts, link.conditions, datetime.now(UTC))
    return [Checkup(link.device, link.facts, link.conditions, errors.get(link.device.name)) for link in links]
