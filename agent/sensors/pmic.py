"""The power controller of a Raspberry Pi 5, which knows voltage and current of its rails.

`vcgencmd pmic_read_adc` (Raspberry Pi's documentation of vcgencmd) prints lines such as
`VDD_CORE_A current(7)=0.92871990A` and `VDD_CORE_V volt(15)=0.72097620V`. The 5 V input (`EXT5V_V`) has a voltage and
no current: what goes to USB, to HATs on 5 V and is lost in the controller is in no rail. Each reading starts a process.
"""

import re
from typing import Callable, Dict, Optional

from agent.sensors import vcgencmd
from agent.sensors.meters import PART, WATTS, Meter, Source

_COVERS = "the rails of the power controller, without USB, 5 V devices and its own losses"
_LINE = re.compile(r"^\s*(\w+)_([AV])\s+\w+\(\d+\)=([0-9]+\.[0-9]+)[AV]\s*$", re.MULTILINE)
_STEP_W = 0.001
_LAG_S = 0.01

Ask = Callable[[], Optional[str]]


def ask_firmware() -> Optional[str]:
    """What `vcgencmd pmic_read_adc` says; None on boards without it."""
    return vcgencmd.ask("pmic_read_adc")


def find_meter(ask: Ask = ask_firmware) -> Optional[Meter]:
    """None where the firmware has no such rails. `ask` gives the text that the firmware prints."""
    names = sorted(parse_rails_w(ask() or ""))
    if not names:
        return None
    sources = [Source(name, WATTS, PART, _COVERS, "PMIC rails", _STEP_W, _LAG_S) for name in names]
    return Meter(sources, lambda: parse_rails_w(ask() or ""))


def parse_rails_w(text: str) -> Dict[str, float]:
    """Watts of each rail that has both a voltage and a current."""
    found: Dict[str, Dict[str, float]] = {"A": {}, "V": {}}
    for rail, letter, number in _LINE.findall(text):
        found[letter][rail] = float(number)
    return {rail: found["V"][rail] * amperes for rail, amperes in found["A"].items() if rail in found["V"]}
