"""Power rails of INA3221 monitors, as Jetson boards have them (docs.kernel.org/hwmon/ina3221.html: mV and mA).

Reading them goes over I²C and can take milliseconds, so the sampler looks at the price first. Intel's RAPL counters
are energy, not power, and need root: they are named as present, and left to a pass of their own.
"""

from typing import Dict, List, NamedTuple

from agent.sensors import matches, read_int, read_text


class Rail(NamedTuple):
    name: str
    millivolt_path: str
    milliampere_path: str


def find_rails(root: str) -> List[Rail]:
    rails = []
    for chip in matches(root, "/sys/class/hwmon/hwmon[0-9]*"):
        if read_text(root, chip + "/name") != "ina3221":
            continue
        for path in matches(root, chip + "/in[0-9]*_label"):
            number = path.rsplit("/in", 1)[1][: -len("_label")]
            label = read_text(root, path)
            current = "%s/curr%s_input" % (chip, number)
            if label and read_int(root, current) is not None:
                rails.append(Rail(label, "%s/in%s_input" % (chip, number), current))
    return rails


def read_rails_w(root: str, rails: List[Rail]) -> Dict[str, float]:
    """Watts by rail; a rail that is silent now is left out."""
    readings = {}
    for rail in rails:
        millivolts = read_int(root, rail.millivolt_path)
        milliamperes = read_int(root, rail.milliampere_path)
        if millivolts is not None and milliamperes is not None:
            readings[rail.name] = millivolts * milliamperes / 1e6
    return readings


def describe(root: str) -> List[str]:
    """What is there, for `Facts.sensors`."""
    names = ["power:" + rail.name for rail in find_rails(root)]
    packages = matches(root, "/sys/class/powercap/intel-rapl:[0-9]*")
    readable = any(read_int(root, package + "/energy_uj") is not None for package in packages)
    return names + (["energy:rapl"] if readable else [])
