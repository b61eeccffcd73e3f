"""Batteries, while they feed the board (the kernel's ABI document sysfs-class-power: µW, µA, µV).

A battery that is charged, or rests beside a charger, tells nothing of what the board draws. The sign of a discharging
current differs between drivers; only its size counts here.
"""

from typing import Dict, List, Optional

from agent.sensors import matches, read_int, read_text
from agent.sensors.meters import BOARD, WATTS, Meter, Source

_STEP_W = 0.01


def find_meter(root: str) -> Optional[Meter]:
    batteries = [path for path in _batteries(root) if _read_w(root, path) is not None]
    if not batteries:
        return None
    covers = "the whole board, as the battery's gauge has it"
    sources = [Source(_name(path), WATTS, BOARD, covers, "batteries", _STEP_W, None) for path in batteries]
    return Meter(sources, lambda: _read(root, batteries))


def _batteries(root: str) -> List[str]:
    """Those of the board itself: a wireless mouse has one too, and says `Device` in its scope."""
    found = matches(root, "/sys/class/power_supply/*")
    mine = [path for path in found if read_text(root, path + "/type") == "Battery"]
    return [path for path in mine if read_text(root, path + "/scope") != "Device"]


def _read(root: str, batteries: List[str]) -> Dict[str, float]:
    readings = {_name(path): _read_w(root, path) for path in batteries}
    return {name: watts for name, watts in readings.items() if watts is not None}


def _read_w(root: str, path: str) -> Optional[float]:
    if read_text(root, path + "/status") != "Discharging":
        return None
    microwatts = read_int(root, path + "/power_now")
    if microwatts is not None:
        return abs(microwatts) / 1e6
    microamperes, microvolts = read_int(root, path + "/current_now"), read_int(root, path + "/voltage_now")
    return None if microamperes is None or microvolts is None else abs(microamperes) * microvolts / 1e12


def _name(path: str) -> str:
    return path.rsplit("/", 1)[1]
