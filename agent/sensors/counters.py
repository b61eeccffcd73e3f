"""Energy counters of processors: RAPL of Intel and AMD through powercap (docs.kernel.org/power/powercap/powercap.html,
and the kernel's ABI document sysfs-class-powercap): microjoules that begin again at `max_energy_range_uj`.

Since 2020 only root may read them, because other people's secrets can be heard in them (CVE-2020-8694).
"""

from typing import Dict, List, NamedTuple, Optional

from agent.sensors import matches, read_int, read_text
from agent.sensors.meters import BOARD, JOULES, PART, Meter, Source, unique

_STEP_J = 61e-6
"""The usual unit of the counters, 2**-14 J (Intel's Software Developer's Manual, volume 3, RAPL)."""
_LAG_S = 0.001
"""They are brought up to date about every millisecond (the same manual)."""
_SUM = "RAPL"


class Zone(NamedTuple):
    name: str
    path: str
    domain: str


def find_meter(root: str) -> Optional[Meter]:
    zones = [zone for zone in find_zones(root) if _read_j(root, zone) is not None]
    if not zones:
        return None
    memory = any(zone.domain == "dram" for zone in zones)
    sources = [_source(root, zone, memory) for zone in zones]
    return Meter(sources, lambda: _read(root, zones))


def find_zones(root: str) -> List[Zone]:
    """All zones, readable or not. `intel-rapl-mmio` shows the same package a second time and is not looked at."""
    zones: List[Zone] = []
    for path in matches(root, "/sys/class/powercap/*-rapl:[0-9]*"):
        own = path.rsplit("/", 1)[1]
        domain = read_text(root, path + "/name") or ("package" if own.count(":") == 1 else "part")
        parent = path.rpartition(":")[0] if own.count(":") == 2 else None
        above = next((zone.name for zone in zones if zone.path == parent), None)
        name = domain if above is None else "%s/%s" % (above, domain)
        zones.append(Zone(unique(name, [zone.name for zone in zones]), path, domain))
    return zones


def find_locked(root: str) -> List[str]:
    """Zones that are there and may not be read by us: a hint for the owner, no source."""
    return [
        zone.name
        for zone in find_zones(root)
        if _read_j(root, zone) is None and read_int(root, zone.path + "/max_energy_range_uj") is not None
    ]


def _source(root: str, zone: Zone, memory: bool) -> Source:
    limit_uj = read_int(root, zone.path + "/max_energy_range_uj")
    wraps_at_j = limit_uj / 1e6 if limit_uj else None
    if zone.domain == "psys":
        covers = "the platform, as its maker wired it: on most laptops the whole board"
        return Source(zone.name, JOULES, BOARD, covers, "", _STEP_J, _LAG_S, wraps_at_j)
    covers = "processor package and memory only" if memory else "processor package only"
    # Cores and graphics lie inside of the package, memory beside it (the manual's picture of the domains).
    adds = _SUM if zone.domain == "dram" or zone.domain.startswith("package") else ""
    return Source(
        zone.name, JOULES, PART, covers if adds else "a part of the processor", adds, _STEP_J, _LAG_S, wraps_at_j
    )


def _read(root: str, zones: List[Zone]) -> Dict[str, float]:
    readings = {zone.name: _read_j(root, zone) for zone in zones}
    return {name: joules for name, joules in readings.items() if joules is not None}


def _read_j(root: str, zone: Zone) -> Optional[float]:
    microjoules = read_int(root, zone.path + "/energy_uj")
    return None if microjoules is None else microjoules / 1e6
