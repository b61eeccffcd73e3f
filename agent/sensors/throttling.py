"""Whether the board holds its processors back: for heat, for want of voltage, or because it was told to.

- The Raspberry Pi firmware's bits, as `vcgencmd get_throttled` tells them (raspberrypi.com, documentation of
  `vcgencmd`): 0 under-voltage, 1 clock capped, 2 throttled, 3 soft temperature limit, all of them now; the same plus 16
  since boot. The firmware's driver has them as a file on some kernels; it lies below a folder named by the device
  tree, `soc:firmware` up to the Pi 4 and `soc@107c000000:firmware` on a Pi 5, and kernels without it are common.
- Bit 0 alone is on mainline kernels too: the alarm of the hwmon chip `rpi_volt`, looked at every 2 s by its driver.
- Intel's processors count how often each core and the package began to throttle for heat
  (docs.kernel.org/admin-guide/thermal/intel_thermal_throttle.html).
- A cooling device that stands for a processor's clock tells by how many steps the thermal governor holds it back, 0
  being not at all (docs.kernel.org/driver-api/thermal/sysfs-api.html).

A clock that is read back may be the one that was asked for: on a Raspberry Pi `scaling_cur_freq` stays high while the
firmware throttles. That is why these are read as well.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence

from agent.sensors import matches, read_int, read_text, vcgencmd

_FIRMWARE = "/sys/bus/platform/drivers/raspberrypi-firmware/*:firmware/get_throttled"
_FIRMWARE_OF_OLD = "/sys/devices/platform/soc/soc:firmware/get_throttled"
_PROCESSOR_COOLERS = ("cpufreq-", "thermal-cpufreq", "Processor")
"""Types of cooling devices that slow a processor down; the others are fans, GPUs and radios."""
_MOST_CPUS = 8
"""As with clocks: the first few processors tell enough, and a file is read for each at every sample."""


class Throttles(NamedTuple):
    """Paths, to be found once."""

    bits: Optional[str] = None
    voltage_alarm: Optional[str] = None
    counts: Sequence[str] = ()
    coolers: Sequence[str] = ()


def find_throttles(root: str, cpus: Optional[Sequence[int]] = None) -> Throttles:
    """What there is to read of `cpus` (all of them when None); counters of packages and coolers are of the board."""
    counts = matches(root, "/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count")
    if cpus is not None:
        counts = [path for path in counts if int(path.split("/")[5][3:]) in cpus]
    counts = [name for path in counts[:_MOST_CPUS] for name in (path, path.replace("/core_", "/package_"))]
    return Throttles(
        bits=_find_bits(root),
        voltage_alarm=_find_voltage_alarm(root),
        counts=[path for path in counts if read_int(root, path) is not None],
        coolers=[
            device + "/cur_state"
            for device in matches(root, "/sys/class/thermal/cooling_device[0-9]*")
            if (read_text(root, device + "/type") or "").startswith(_PROCESSOR_COOLERS)
        ],
    )


def read_throttles(root: str, found: Throttles) -> Dict[str, Optional[float]]:
    """One value a channel, None where nothing is told now. Cheap, may be read while a clock runs.

    `throttle_bits`: as above; `under_voltage`: 1 or 0; `throttle_count`: all counters together, since boot, so that
    only its growth says something; `cooling_state`: the highest step of all processors.
    """
    counts = [count for count in (read_int(root, path) for path in found.counts) if count is not None]
    # Some drivers say -1 for "does not know".
    states = [state for state in (read_int(root, path) for path in found.coolers) if state is not None and state >= 0]
    alarm = None if found.voltage_alarm is None else read_int(root, found.voltage_alarm)
    return {
        "throttle_bits": None if found.bits is None else _read_bits(root, found.bits),
        "under_voltage": alarm if alarm in (0, 1) else None,
        # A sum without one of its parts would go down, and up again later.
        "throttle_count": sum(counts) if counts and len(counts) == len(found.counts) else None,
        "cooling_state": max(states) if states else None,
    }


def read_throttle_bits(root: str) -> Optional[int]:
    """The Raspberry Pi firmware's bits from the file of its driver; None on other boards and on kernels without it."""
    path = _find_bits(root)
    return None if path is None else _read_bits(root, path)


def ask_throttle_bits() -> Optional[int]:
    """The same through `vcgencmd`, for kernels without the file. Starts a process: never while a clock runs."""
    answer = vcgencmd.ask("get_throttled")
    try:
        return None if answer is None else _to_bits(answer.strip().split("=", 1)[1])
    except (ValueError, IndexError):
        return None


def describe(root: str) -> List[str]:
    """What is there, for `Facts.sensors`."""
    return [name for name, value in read_throttles(root, find_throttles(root)).items() if value is not None]


def _find_bits(root: str) -> Optional[str]:
    for path in (_FIRMWARE_OF_OLD, *matches(root, _FIRMWARE)):
        if _read_bits(root, path) is not None:
            return path
    return None


def _read_bits(root: str, path: str) -> Optional[int]:
    text = read_text(root, path)
    try:
        return None if text is None else _to_bits(text)
    except ValueError:
        return None


def _to_bits(text: str) -> Optional[int]:
    bits = int(text, 16)
    return bits if 0 <= bits < 1 << 32 else None


def _find_voltage_alarm(root: str) -> Optional[str]:
    for chip in matches(root, "/sys/class/hwmon/hwmon[0-9]*"):
        if read_text(root, chip + "/name") == "rpi_volt":
            return chip + "/in0_lcrit_alarm"
    return None
