"""All that tells what a board draws: monitor chips on rails, energy counters, batteries, a Pi's power controller.

Ordinary jobs read rails that answer at once and nothing else; jobs for energy read every meter (docs/measurement.md).
"""

from typing import List, Optional

from agent.sensors import battery, counters, pmic, rails
from agent.sensors.meters import WATTS, Meter
from agent.sensors.rails import Rail, find_rails, read_rails_w

__all__ = ["Rail", "describe", "find_meters", "find_rails", "read_rails_w"]


def find_meters(root: str, ask: Optional[pmic.Ask] = None) -> List[Meter]:
    """Every meter that answers now. `ask`: how to ask a Pi's firmware; on a recorded tree there is none to ask."""
    if ask is None and root == "/":
        ask = pmic.ask_firmware
    found = [rails.find_meter(root), counters.find_meter(root), battery.find_meter(root)]
    found.append(None if ask is None else pmic.find_meter(ask))
    return [meter for meter in found if meter is not None]


def describe(root: str) -> List[str]:
    """For `Facts.sensors`: `power:NAME`, `energy:NAME`, and `locked:NAME` for what only root may read."""
    kinds = {True: "power:", False: "energy:"}
    names = [kinds[source.unit == WATTS] + source.name for meter in find_meters(root) for source in meter.sources]
    return names + ["locked:" + name for name in counters.find_locked(root)]
