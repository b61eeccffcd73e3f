"""Clocks and governors (docs.kernel.org/admin-guide/pm/cpufreq.html; kHz)."""

from typing import Dict, List, Optional, Sequence, Set

from agent.sensors import matches, read_int, read_text, to_float

_MOST_POLICIES = 8
"""x86 has a policy for each processor, and reading one may wake it: the first few tell enough."""


def find_policies(root: str, cpus: Optional[Sequence[int]] = None) -> List[str]:
    """The cpufreq policies that rule `cpus` (all of them when None): big and little cores have one each."""
    policies = matches(root, "/sys/devices/system/cpu/cpufreq/policy[0-9]*")
    if cpus is not None:
        wanted = set(cpus)
        policies = [policy for policy in policies if wanted & _ruled(root, policy)]
    return policies[:_MOST_POLICIES]


def read_clock_khz(root: str, policies: Sequence[str]) -> Optional[int]:
    """The fastest clock now. Without cpufreq, what /proc/cpuinfo says of the moment (x86 only)."""
    clocks = _values(root, policies, "scaling_cur_freq")
    if clocks:
        return max(clocks)
    return None if policies else _cpuinfo_khz(root)


def read_nominal_khz(root: str, policies: Sequence[str]) -> Optional[int]:
    """The clock that the board should hold: Intel's base frequency where it is told, else the maximum.

    A turbo maximum is no promise, so the base goes first.
    """
    clocks = _values(root, policies, "base_frequency") or _values(root, policies, "cpuinfo_max_freq")
    return max(clocks) if clocks else None


def read_governor(root: str, policies: Sequence[str]) -> Optional[str]:
    """`performance`, or several joined by `+` where the policies differ."""
    governors: Dict[str, None] = {}
    for policy in policies:
        governor = read_text(root, policy + "/scaling_governor")
        if governor is not None:
            governors[governor] = None
    return "+".join(governors) or None


def describe(root: str) -> List[str]:
    """What is there, for `Facts.sensors`."""
    policies = find_policies(root)
    clock = ["clock"] if read_clock_khz(root, policies) is not None else []
    return clock + (["governor"] if read_governor(root, policies) is not None else [])


def _values(root: str, policies: Sequence[str], name: str) -> List[int]:
    found = [read_int(root, "%s/%s" % (policy, name)) for policy in policies]
    return [value for value in found if value is not None and value > 0]


def _ruled(root: str, policy: str) -> Set[int]:
    text = read_text(root, policy + "/related_cpus") or read_text(root, policy + "/affected_cpus") or ""
    return {int(word) for word in text.split() if word.isdigit()}


def _cpuinfo_khz(root: str) -> Optional[int]:
    clocks_mhz = []
    for line in (read_text(root, "/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "cpu MHz":
            clocks_mhz.append(to_float(value.strip()))
    fastest_mhz = max([clock for clock in clocks_mhz if clock is not None], default=0.0)
    return int(fastest_mhz * 1000) if fastest_mhz > 0 else None
