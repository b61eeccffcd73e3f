"""What decides how fast the processors run, and when they are slowed down.

cpufreq: docs.kernel.org/admin-guide/pm/cpufreq.html (policies, `boost`); `no_turbo` of intel_pstate is the same switch
the other way round. `smt/active` and `isolated`: the kernel's ABI document sysfs-devices-system-cpu. Trip points:
docs.kernel.org/driver-api/thermal/sysfs-api.html. nvpmodel writes its mode as `pmode:0002` and reads the names of its
modes from lines such as `< POWER_MODEL ID=2 NAME=MAXN_SUPER >`.
"""

import re
from typing import Dict, List, Optional, Tuple

from agent.protocol import ClockControl, ClockPolicy
from agent.sensors import matches, read_int, read_text, thermal

_CPU = "/sys/devices/system/cpu"
_MOST_POLICIES = 64
_MOST_CPUS = 4096
_POWER_MODEL = re.compile(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.MULTILINE)
_MODE_NOW = re.compile(r"\bpmode:(\d+)")


def read_clocks(root: str) -> ClockControl:
    boost, boost_file = _read_boost(root)
    mode = _MODE_NOW.search(read_text(root, "/var/lib/nvpmodel/status") or "")
    return ClockControl(
        policies=_read_policies(root),
        boost=boost,
        boost_file=boost_file,
        smt=_read_flag(root, _CPU + "/smt/active"),
        isolated_cpus=parse_cpus(read_text(root, _CPU + "/isolated") or ""),
        power_mode=int(mode.group(1)) if mode else None,
        power_modes=dict(_POWER_MODEL.findall(read_text(root, "/etc/nvpmodel.conf") or "")),
        trips_c=_read_trips(root),
    )


def parse_cpus(text: str) -> List[int]:
    """`0,2-3` as [0, 2, 3]; empty where it is no such list."""
    cpus: List[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            return []
        end = int(last) if dash else int(first)
        if end >= _MOST_CPUS:
            return []
        cpus.extend(range(int(first), end + 1))
    return cpus


def _read_policies(root: str) -> List[ClockPolicy]:
    found = []
    for policy in matches(root, _CPU + "/cpufreq/policy[0-9]*")[:_MOST_POLICIES]:
        cpus = read_text(root, policy + "/related_cpus") or read_text(root, policy + "/affected_cpus") or ""
        found.append(
            ClockPolicy(
                name=policy.rsplit("/", 1)[1],
                cpus=[int(word) for word in cpus.split() if word.isdigit()],
                governor=read_text(root, policy + "/scaling_governor"),
                governors=(read_text(root, policy + "/scaling_available_governors") or "").split(),
                driver=read_text(root, policy + "/scaling_driver"),
                limit_khz=read_int(root, policy + "/scaling_max_freq"),
                hardware_limit_khz=read_int(root, policy + "/cpuinfo_max_freq"),
            )
        )
    return found


def _read_boost(root: str) -> Tuple[Optional[bool], Optional[str]]:
    for path, on in ((_CPU + "/intel_pstate/no_turbo", 0), (_CPU + "/cpufreq/boost", 1)):
        value = read_int(root, path)
        if value in (0, 1):
            return value == on, path
    return None, None


def _read_flag(root: str, path: str) -> Optional[bool]:
    value = read_int(root, path)
    return bool(value) if value in (0, 1) else None


def _read_trips(root: str) -> Dict[str, float]:
    trips = {}
    for name, path in thermal.find_temperatures(root).items():
        zone = path.rsplit("/", 1)[0]
        found = []
        for kind in matches(root, zone + "/trip_point_[0-9]*_type"):
            if read_text(root, kind) in ("passive", "hot"):
                millidegrees = read_int(root, kind[: -len("_type")] + "_temp")
                if millidegrees is not None and 0 < millidegrees < 150000:
                    found.append(millidegrees / 1000.0)
        if found:
            trips[name] = min(found)
    return trips
