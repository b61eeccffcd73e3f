"""Power rails with a monitor chip of the INA family (docs.kernel.org: hwmon/ina3221, ina2xx, ina238, sysfs-interface).

hwmon gives microwatts where the chip multiplies, else millivolts and milliamperes. Jetsons before JetPack 5 have
NVIDIA's own driver `ina3221x` below IIO instead: `rail_name_0` and `in_power0_input` in milliwatts (as public tools
for Jetsons read them). Reading goes over I²C and can take milliseconds.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

from agent.sensors import matches, read_int, read_text
from agent.sensors.meters import BOARD, MODULE, PART, WATTS, Meter, Source, unique

_SINGLE_CHIPS = ("ina219", "ina220", "ina226", "ina230", "ina231", "ina234", "ina237", "ina238", "ina260")
_STEP_W = 0.04
"""An INA3221 resolves 40 microvolts (TI's datasheet): 8 mA on the 5 milliohm of the Jetson modules, 40 mW at 5 V. An
INA219 steps by 20 mW on the 10 milliohm that the kernel's ina2xx driver assumes."""
_LAG_S = 0.01
"""Shunt and bus of three channels at the chip's usual 1.1 ms a conversion: 6.6 ms."""

_WHOLE = {
    "POM_5V_IN": (BOARD, "the whole board, at its 5 V input"),
    "VDD_MUX": (BOARD, "the whole board, at the input of the carrier"),
    "VIN": (BOARD, "the whole board, at its input"),
    "VDD_IN": (MODULE, "the module, without its carrier board"),
}
"""Rails that all others hang on. POM_5V_IN: Jetson Nano; VDD_MUX: TX1 and TX2; VIN: AGX Thor; VDD_IN: TX2, Xavier NX,
Orin NX and Nano (answers of NVIDIA's staff in its forum, as public tools quote them: other rails are parts of it)."""

_DISJOINT = {
    "Jetson AGX Xavier rails": ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
    "Jetson AGX Orin rails": ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
}
"""Boards without a rail for all. NVIDIA adds Xavier's; Orin's VDDQ_VDD2_1V8AO stays out of the sum, because nothing
that we could find says that it does not hang on VIN_SYS_5V0."""


class Rail(NamedTuple):
    """Watts are the product of the files' numbers over `divisor`."""

    name: str
    paths: Tuple[str, ...]
    divisor: float
    step_w: float = _STEP_W


def find_rails(root: str) -> List[Rail]:
    """Every rail that answers; names are the board's own labels."""
    found: List[Rail] = []
    for rail in _hwmon_rails(root) + _iio_rails(root):
        if _read_w(root, rail) is not None:
            found.append(rail._replace(name=unique(rail.name, [one.name for one in found])))
    return found


def read_rails_w(root: str, rails: List[Rail]) -> Dict[str, float]:
    """Watts by rail; a rail that is silent now is left out."""
    readings = {rail.name: _read_w(root, rail) for rail in rails}
    return {name: watts for name, watts in readings.items() if watts is not None}


def find_meter(root: str) -> Optional[Meter]:
    rails = find_rails(root)
    if not rails:
        return None
    return Meter([_source(rail) for rail in rails], lambda: read_rails_w(root, rails))


def _source(rail: Rail) -> Source:
    scope, covers = _WHOLE.get(rail.name, (PART, "one rail alone, the rest of the board is not in it"))
    adds = ""
    for group, names in _DISJOINT.items():
        if rail.name in names:
            adds, covers = group, "the processors' and the system's rails of the module, without its carrier board"
    return Source(rail.name, WATTS, scope, covers, adds, rail.step_w, _LAG_S)


def _read_w(root: str, rail: Rail) -> Optional[float]:
    product = 1
    for path in rail.paths:
        value = read_int(root, path)
        if value is None:
            return None
        product *= value
    return product / rail.divisor


def _hwmon_rails(root: str) -> List[Rail]:
    rails = []
    for chip in matches(root, "/sys/class/hwmon/hwmon[0-9]*"):
        kind = read_text(root, chip + "/name")
        if kind == "ina3221":
            rails += _triple(root, chip)
        elif kind in _SINGLE_CHIPS:
            rails.append(_single(root, chip, kind))
    return rails


def _triple(root: str, chip: str) -> List[Rail]:
    rails = []
    # Channel 7 and current 4 are the chip's sums of what some channels have already.
    for number in (1, 2, 3):
        label = read_text(root, "%s/in%d_label" % (chip, number))
        if label is None or label == "NC":
            continue
        paths = ("%s/in%d_input" % (chip, number), "%s/curr%d_input" % (chip, number))
        shunt_uohm = read_int(root, "%s/shunt%d_resistor" % (chip, number))
        millivolts = read_int(root, paths[0])
        step_w = 40.0 / shunt_uohm * millivolts / 1e3 if shunt_uohm and millivolts else _STEP_W
        rails.append(Rail(label, paths, 1e6, step_w))
    return rails


def _single(root: str, chip: str, kind: str) -> Rail:
    name = read_text(root, chip + "/label") or read_text(root, chip + "/in1_label") or kind
    if read_int(root, chip + "/power1_input") is not None:
        return Rail(name, (chip + "/power1_input",), 1e6)
    return Rail(name, (chip + "/in1_input", chip + "/curr1_input"), 1e6)


def _iio_rails(root: str) -> List[Rail]:
    rails = []
    for path in matches(root, "/sys/bus/i2c/drivers/ina3221x/*/iio[:_]device*/rail_name_[0-9]"):
        folder, number = path.rsplit("/rail_name_", 1)
        name = read_text(root, path)
        if name is not None and name != "NC":
            rails.append(Rail(name, ("%s/in_power%s_input" % (folder, number),), 1e3))
    return rails
