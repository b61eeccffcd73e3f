"""Temperatures.

Thermal zones: docs.kernel.org/driver-api/thermal/sysfs-api.html (millidegrees). Processors of x86 also tell through
hwmon: docs.kernel.org/hwmon/sysfs-interface.html.
"""

from typing import Dict, List, Optional

from agent.sensors import matches, read_int, read_text

_PROCESSOR_CHIPS = ("coretemp", "k10temp", "zenpower")
_NOT_THE_BOARD = ("iwlwifi", "battery", "INT3400", "nvme")


def find_temperatures(root: str) -> Dict[str, str]:
    """Name to path of each source of a temperature; to be found once, the paths do not move."""
    found: Dict[str, str] = {}
    for zone in matches(root, "/sys/class/thermal/thermal_zone[0-9]*"):
        kind = read_text(root, zone + "/type") or zone.rsplit("/", 1)[1]
        if not kind.startswith(_NOT_THE_BOARD):
            _add(found, kind, zone + "/temp")
    for chip in matches(root, "/sys/class/hwmon/hwmon[0-9]*"):
        name = read_text(root, chip + "/name")
        if name in _PROCESSOR_CHIPS:
            for path in matches(root, chip + "/temp[0-9]*_input"):
                label = read_text(root, path[: -len("_input")] + "_label")
                _add(found, "%s %s" % (name, label) if label else str(name), path)
    return found


def read_temperatures(root: str, sources: Dict[str, str]) -> Dict[str, float]:
    """Degrees Celsius by name. A source that is silent now, or says what no board survives, is left out."""
    readings: Dict[str, float] = {}
    for name, path in sources.items():
        temperature_c = celsius(read_int(root, path))
        if temperature_c is not None:
            readings[name] = temperature_c
    return readings


def celsius(millidegrees: Optional[float]) -> Optional[float]:
    """None where a source is silent. A zone that is switched off says 0 or -256000; exactly 0.000 °C is taken for "no
    reading"."""
    if millidegrees is None or millidegrees == 0 or not -40000 < millidegrees < 150000:
        return None
    return millidegrees / 1000.0


def hottest(readings: Dict[str, float]) -> Optional[float]:
    return max(readings.values()) if readings else None


def describe(root: str) -> List[str]:
    """What is there, for `Facts.sensors`."""
    return ["temperature:" + name for name in read_temperatures(root, find_temperatures(root))]


def _add(found: Dict[str, str], name: str, path: str) -> None:
    unique, number = name, 2
    while unique in found:
        unique, number = "%s#%d" % (name, number), number + 1
    found[unique] = path
