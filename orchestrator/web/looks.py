"""How boards stand, gathered from all parts of the store that know something of them; boards and sweeps by the words of
an address or a form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from orchestrator.devices import Device
from orchestrator.errors import UnknownName
from orchestrator.farm import Farm
from orchestrator.health import Health, Visit, chart, health_of, visits_of
from orchestrator.health.control_chart import Reading
from orchestrator.profiles import load_profiles
from orchestrator.records import DeviceRecord, LeaseRecord, QuarantineRecord
from orchestrator.reference_model import reference_model
from orchestrator.store.glances.boards import Part, Tenant, Warmth, parts, tenants, warmths
from orchestrator.store.glances.sweeps import SweepLine, some_sweeps
from orchestrator.store.looking import Look
from orchestrator.store.names import unknown
from orchestrator.sweep import REFERENCE
from orchestrator.web.site import Site

LARGEST = 2**63 - 1
"""Of the numbers that SQLite has."""


@dataclass(frozen=True)
class BoardLook:
    """One board. `device` is None where it has no profile any more, `record` where it was never planned for; `part` is
    its part of the sweep of `tenant`; `floor` is its noise floor, a share."""

    name: str
    device: Device | None
    record: DeviceRecord | None
    health: Health
    visits: tuple[Visit, ...]
    reading: Reading
    tenant: Tenant | None = None
    part: Part | None = None
    warmth: Warmth | None = None
    quarantine: QuarantineRecord | None = None
    reservation: LeaseRecord | None = None
    floor: float | None = None


def look_at_farm(site: Site, look: Look) -> list[BoardLook]:
    """Every board with a profile or in the store, by name."""
    return _look(site, look, None)


def look_at_board(site: Site, look: Look, name: str) -> BoardLook:
    """One of them; `UnknownName` lists the near names."""
    return _look(site, look, name)[0]


def _look(site: Site, look: Look, name: str | None) -> list[BoardLook]:
    devices = {device.name: device for device in profiles_of(site.farm)}
    records = {record.name: record for record in look.devices()}
    names = sorted({*devices, *records})
    if name is not None:
        if name not in names:
            raise unknown("board", name, names, "dynofarm device list")
        names = [name]
    now = datetime.now(UTC)
    with look.connection() as connection:
        holders, warm = tenants(connection), warmths(connection)
        sweeps = {one.sweep_id for one in holders.values() if one.sweep_id is not None}
        progress = {(number, part.device): part for number in sweeps for part in parts(connection, number)}
    with look.reader() as reader:
        floors = reader.noise_floors()
    out, reserved = look.quarantined(), look.reservations.active(now)
    found = []
    for one in names:
        visits, reading, health = _health(look, one)
        tenant = holders.get(one)
        found.append(
            BoardLook(
                one,
                devices.get(one),
                records.get(one),
                health,
                visits,
                reading,
                tenant,
                progress.get((tenant.sweep_id, one)) if tenant and tenant.sweep_id is not None else None,
                warm.get(one),
                out.get(one),
                reserved.get(one),
                floors.get(one),
            )
        )
    return found


def _health(look: Look, name: str) -> tuple[tuple[Visit, ...], Reading, Health]:
    """By all looks at the board that are stored; nothing is measured for it."""
    visits = tuple(visits_of(look.reference_runs(name, reference_model().digest, REFERENCE.name)))
    releases = tuple(one.released for one in look.quarantines(name) if one.released is not None)
    reading = _chart(visits, releases)
    return visits, reading, health_of(name, visits, reading)


@lru_cache(maxsize=4096)
def _chart(visits: tuple[Visit, ...], releases: tuple[datetime, ...]) -> Reading:
    """The same looks give the same chart, and pages that move ask for it every few seconds."""
    return chart(visits, releases)


def profiles_of(farm: Farm) -> Sequence[Device]:
    """As they are in their files now, read again where one has changed. `ConfigError`."""
    files = sorted(farm.profiles.iterdir()) if farm.profiles.is_dir() else []
    stands = [(file.name, file.stat()) for file in files if file.is_file()]
    return _profiles(farm.profiles, tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stands))


@lru_cache(maxsize=4)
def _profiles(folder: Path, _stamps: tuple[tuple[str, int, int], ...]) -> tuple[Device, ...]:
    return tuple(load_profiles(folder))


def device_of(site: Site, name: str) -> Device:
    """A board by its profile; `UnknownName` where it has none."""
    devices = profiles_of(site.farm)
    for device in devices:
        if device.name == name:
            return device
    known = ", ".join(device.name for device in devices[:20]) or "none"
    raise UnknownName(f"there is no device {name[:80]!r}; known: {known}", "dynofarm device list")


def sweep_of(look: Look, text: str) -> SweepLine:
    """A sweep by its number; `UnknownName` where there is none."""
    number = min(int(text[:20]), LARGEST) if text.isascii() and text.isdecimal() else 0
    with look.connection() as connection:
        found = some_sweeps(connection, [number])
    if not found:
        raise UnknownName(f"there is no sweep {text[:20]}", "those that there are stand under “Sweeps”")
    return found[0]
