"""What the board is set up as: clock, firmware, container or virtual machine, power, and the tools it has.

Time: the kernel knows whether anybody disciplines its clock (adjtimex(2): TIME_ERROR, which STA_UNSYNC means), and
systemd-timesyncd touches a file once it has. Firmware: the device tree's build time of a Raspberry Pi's boot loader
(seconds since 1970), else `vcgencmd`; the release file of a Jetson; the BIOS date of a PC (DMI).
"""

import ctypes
import re
import shutil
from datetime import datetime, timezone
from typing import Any, List, Optional, Tuple

from agent.protocol import Standing
from agent.sensors import matches, read_bytes, read_text, vcgencmd

_TIME_ERROR = 5
_STAMP = "/chosen/bootloader/build-timestamp"
_TREES = ("/sys/firmware/devicetree/base", "/proc/device-tree")
_TIME_SERVICES = ("systemd-timesyncd", "chronyd", "ntpd", "ntpsec", "openntpd")
_TOOLS = (
    "apt-get chronyc cpupower docker dphys-swapfile fwupdmgr jetson_clocks journalctl loginctl nvpmodel "
    "raspi-config rpi-eeprom-update snap systemctl timedatectl"
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""A login over SSH often lacks the folders of the system's programs."""
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def read_standing(root: str) -> Standing:
    firmware, firmware_date = _read_firmware(root)
    return Standing(
        synchronised=_is_synchronised(root),
        time_service=_find_time_service(root),
        distribution=_read_distribution(root),
        tools=[tool for tool in _TOOLS.split() if _has(root, tool)],
        firmware=firmware,
        firmware_date=firmware_date,
        container=_find_container(root),
        virtual_machine=_find_virtual_machine(root),
        on_battery=_is_on_battery(root),
        mitigations_off=_are_mitigations_off(root),
        # Last, so that as little time as can be lies between this and the answer.
        utc=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    )


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`; modes 0 only reads. The rest is room for what the kernel writes behind it."""

    _fields_ = [("modes", ctypes.c_int), ("rest", ctypes.c_byte * 1020)]


def _is_synchronised(root: str) -> Optional[bool]:
    if read_bytes(root, "/run/systemd/timesync/synchronized") is not None:
        return True
    if root != "/":
        return None
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(_Timex()))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def _find_time_service(root: str) -> Optional[str]:
    running = {read_text(root, path) for path in matches(root, "/proc/[0-9]*/comm")}
    for service in _TIME_SERVICES:
        if service[:15] in running:
            return service
    return None


def _read_distribution(root: str) -> List[str]:
    """os-release(5): ID and ID_LIKE."""
    values = {}
    for line in (read_text(root, "/etc/os-release") or read_text(root, "/usr/lib/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        values[key] = value.strip("\"'")
    return (values.get("ID", "") + " " + values.get("ID_LIKE", "")).split()


def _has(root: str, tool: str) -> bool:
    return shutil.which(tool, path=":".join(root.rstrip("/") + folder for folder in _PATH.split(":"))) is not None


def _read_firmware(root: str) -> Tuple[Optional[str], Optional[str]]:
    """A name for people, and the day it was made."""
    for tree in _TREES:
        stamp = read_bytes(root, tree + _STAMP)
        if stamp is not None and len(stamp) == 4:
            return "boot loader", _day(int.from_bytes(stamp, "big"))
    if any((read_text(root, tree + "/model") or "").startswith("Raspberry Pi") for tree in _TREES):
        return _ask_firmware()
    release = read_text(root, "/etc/nv_tegra_release")
    if release is not None:
        return _jetson_release(release)
    bios = [read_text(root, "/sys/class/dmi/id/" + name) for name in ("bios_vendor", "bios_version")]
    date = re.fullmatch(r"(\d\d)/(\d\d)/(\d{4})", read_text(root, "/sys/class/dmi/id/bios_date") or "")
    name = " ".join(part for part in bios if part)
    return name or None, "%s-%s-%s" % (date.group(3), date.group(1), date.group(2)) if date else None


def _ask_firmware() -> Tuple[Optional[str], Optional[str]]:
    """`vcgencmd version` begins with a day: `Mar 17 2023 10:50:39`."""
    answer = vcgencmd.ask("version") or ""
    words = answer.split()
    if len(words) < 3 or words[0] not in _MONTHS or not words[1].isdigit() or not words[2].isdigit():
        return None, None
    return "firmware", "%s-%02d-%02d" % (words[2], _MONTHS.index(words[0]) + 1, int(words[1]))


def _jetson_release(text: str) -> Tuple[Optional[str], Optional[str]]:
    """`# R36 (release), REVISION: 4.3, GCID: …, DATE: Wed Jan  8 01:49:37 UTC 2025`."""
    found = re.search(r"R(\d+)[^,]*, REVISION: ([\d.]+)", text)
    date = re.search(r"DATE: \w{3} (\w{3}) +(\d+) [\d:]+ \S+ (\d{4})", text)
    name = "Jetson Linux %s.%s" % found.groups() if found else None
    if date is None or date.group(1) not in _MONTHS:
        return name, None
    month = _MONTHS.index(date.group(1)) + 1
    return name, "%s-%02d-%02d" % (date.group(3), month, int(date.group(2)))


def _day(since_1970_s: int) -> Optional[str]:
    return datetime.fromtimestamp(since_1970_s, timezone.utc).strftime("%Y-%m-%d") if since_1970_s else None


def _find_container(root: str) -> Optional[str]:
    for path, name in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if read_bytes(root, path) is not None:
            return name
    told = read_text(root, "/run/systemd/container")
    if told is not None:
        return told.split()[0]
    for line in (read_text(root, "/proc/1/cgroup") or "").splitlines():
        for name in ("docker", "lxc", "kubepods"):
            if "/" + name in line:
                return name
    return None


def _find_virtual_machine(root: str) -> Optional[str]:
    """The maker's name where the firmware tells one, else the processor's own word for it."""
    makers = ("QEMU", "VMware", "innotek GmbH", "Xen", "Microsoft Corporation", "Amazon EC2", "Google", "Bochs")
    cpuinfo = read_text(root, "/proc/cpuinfo") or ""
    flagged = any(
        line.startswith("flags") and " hypervisor" in line.replace("\t", " ") for line in cpuinfo.splitlines()
    )
    vendor = read_text(root, "/sys/class/dmi/id/sys_vendor")
    if vendor in makers and (flagged or vendor == "QEMU"):
        return vendor
    for tree in _TREES:
        words: Any = read_bytes(root, tree + "/compatible")
        if words is not None and b"linux,dummy-virt" in words:
            return "QEMU"
    return "a hypervisor" if flagged else None


def _is_on_battery(root: str) -> Optional[bool]:
    """docs.kernel.org/power/power_supply_class.html. A mouse has a battery too: its scope is Device."""
    supplies = matches(root, "/sys/class/power_supply/*")
    batteries = [
        supply
        for supply in supplies
        if read_text(root, supply + "/type") == "Battery" and read_text(root, supply + "/scope") != "Device"
    ]
    if not batteries:
        return None
    return any(read_text(root, battery + "/status") == "Discharging" for battery in batteries)


def _are_mitigations_off(root: str) -> Optional[bool]:
    """docs.kernel.org/admin-guide/kernel-parameters.html: `mitigations=off` switches all of them off."""
    command_line = read_text(root, "/proc/cmdline")
    return None if command_line is None else "mitigations=off" in command_line.split()
