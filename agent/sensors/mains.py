"""Whether the board is fed from outside, as far as the kernel knows (its ABI document sysfs-class-power).

A board on its battery may slow itself down to last longer. What a battery gives is read in `battery`.
"""

from typing import List, NamedTuple, Optional

from agent.sensors import matches, read_int, read_text

_FED = ("Charging", "Full", "Not charging")


class Supply(NamedTuple):
    """`on_battery`: the board lives on its battery now; False with any supply from outside; None when nothing tells.
    `battery_percent`: what is left in the battery (the fullest, if there are several)."""

    on_battery: Optional[bool]
    battery_percent: Optional[int]


def read_supply(root: str) -> Supply:
    """Batteries of mice and keyboards (scope `Device`) are none of the board, and an empty bay is no battery."""
    fed: List[bool] = []
    percents: List[int] = []
    discharging = False
    for supply in matches(root, "/sys/class/power_supply/*"):
        kind = read_text(root, supply + "/type")
        if read_text(root, supply + "/scope") == "Device" or read_int(root, supply + "/present") == 0:
            continue
        if kind in ("Battery", "UPS"):
            status = read_text(root, supply + "/status")
            discharging = discharging or status == "Discharging"
            fed.append(status in _FED)
            percent = read_int(root, supply + "/capacity")
            if percent is not None and 0 <= percent <= 100:
                percents.append(percent)
        elif kind is not None:
            fed.append(read_int(root, supply + "/online") in (1, 2))
    on_battery = False if any(fed) else True if discharging else None
    return Supply(on_battery, max(percents) if percents else None)


def describe(root: str) -> List[str]:
    """What is there, for `Facts.sensors`."""
    return ["battery"] if read_supply(root).battery_percent is not None else []
