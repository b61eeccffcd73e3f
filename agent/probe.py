"""What a board is (`collect_facts`) and how it stands at this moment (`collect_conditions`)."""

import os
import struct
import sys
from datetime import datetime, timezone
from typing import Dict, List, Optional, Sequence

from agent import userland
from agent.protocol import Conditions, Facts
from agent.sensors import frequency, mains, power, pressure, processor, read_text, thermal, throttling, to_float

_EMULATED_MARK = "/etc/dynofarm-emulated"
_SENSORS = (thermal, throttling, frequency, pressure, mains, power)
_NO_NAMES = ("to be filled by o.e.m.", "system product name", "default string", "none", "not specified")


def collect_facts(root: str, modules: Dict[str, str]) -> Facts:
    """Facts of the board below `root`. `modules`: the versions of its Python's packages (`packages.find_modules`)."""
    memory = pressure.read_memory(root)
    usable_cpus = sorted(os.sched_getaffinity(0))
    kernel = os.uname()
    return Facts(
        machine_id=read_text(root, "/etc/machine-id"),
        board=read_board(root),
        cpu=processor.read_name(root),
        architecture=userland.read_architecture(kernel.machine, struct.calcsize("P") * 8),
        bits=struct.calcsize("P") * 8,
        cores=os.cpu_count() or len(usable_cpus),
        usable_cpus=usable_cpus,
        isa=processor.read_isa(root),
        memory_bytes=memory.total_bytes,
        memory_limit_bytes=pressure.read_memory_limit_bytes(root),
        kernel=kernel.release,
        system=userland.read_system(root),
        libc=userland.read_libc(root),
        python=sys.version.split()[0],
        python_path=sys.executable,
        libstdcxx=userland.has_libstdcxx(root),
        modules=modules,
        sensors=[name for sensor in _SENSORS for name in sensor.describe(root)],
        nominal_clock_khz=frequency.read_nominal_khz(root, frequency.find_policies(root)),
        user=userland.read_user(),
        emulated=_first_line(root, _EMULATED_MARK),
        cpu_capacity=processor.read_capacities(root),
    )


def collect_conditions(root: str, work_dir: str, cpus: Optional[Sequence[int]] = None) -> Conditions:
    """How the board stands now. `cpus`: the processors whose clock counts. May start `vcgencmd`: not under a clock."""
    memory = pressure.read_memory(root)
    policies = frequency.find_policies(root, cpus)
    throttle_bits = throttling.read_throttle_bits(root)
    supply = mains.read_supply(root)
    return Conditions(
        utc=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        boot_id=read_text(root, "/proc/sys/kernel/random/boot_id"),
        uptime_s=_read_uptime_s(root),
        governor=frequency.read_governor(root, policies),
        clock_khz=frequency.read_clock_khz(root, policies),
        temperatures_c=thermal.read_temperatures(root, thermal.find_temperatures(root)),
        throttle_bits=throttling.ask_throttle_bits() if throttle_bits is None else throttle_bits,
        load_1m=pressure.read_load_1m(root),
        procs_running=pressure.read_processors(root).procs_running,
        memory_available_bytes=memory.available_bytes,
        swap_used_bytes=memory.swap_used_bytes,
        disk_free_bytes=_free_bytes(work_dir),
        on_battery=supply.on_battery,
        battery_percent=supply.battery_percent,
    )


def read_board(root: str) -> Optional[str]:
    """The board's own name: the device tree's model (ARM), else what the firmware of a PC says."""
    for base in ("/sys/firmware/devicetree/base", "/proc/device-tree"):
        model = read_text(root, base + "/model")
        if model is not None:
            return model
    words: List[str] = []
    for name in ("sys_vendor", "product_name"):
        text = read_text(root, "/sys/class/dmi/id/" + name)
        if text is not None and text.lower() not in _NO_NAMES:
            words.append(text)
    return " ".join(words) or None


def _read_uptime_s(root: str) -> Optional[float]:
    text = read_text(root, "/proc/uptime")
    return None if text is None else to_float(text.split()[0])


def _free_bytes(work_dir: str) -> Optional[int]:
    try:
        found = os.statvfs(work_dir)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _first_line(root: str, path: str) -> Optional[str]:
    text = read_text(root, path)
    return None if text is None else text.splitlines()[0]
