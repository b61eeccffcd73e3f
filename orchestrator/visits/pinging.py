"""Which boards are up, and how they are: connect, have a shell read a few files of the kernel's, leave.

No agent and no Python is started, no lock is taken, nothing is kept: a farm of hundreds answers in seconds, and boards
that somebody else has answer, too. What a login takes of a board that measures, its run's surroundings tell.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.sensors.thermal import celsius
from orchestrator.devices import Device, Link
from orchestrator.errors import BoardError, BoardLost, BoardUnfit
from orchestrator.events import BoardDone, Connecting, Event, Noted
from orchestrator.farm import Farm
from orchestrator.schedule.muster import for_each
from orchestrator.transport import ByteChannel, Transport
from orchestrator.transport.connect import connect

_READ = (
    "exec 2>/dev/null;o=;"
    "for f in /proc/uptime /proc/loadavg /sys/class/thermal/thermal_zone*/temp;"
    'do read l<$f&&o="$o$f:$l;";done;'
    "while read l;do case $l in MemAvailable*)"
    'o="$o/proc/meminfo:$l;";break;esac;done</proc/meminfo;'
    'echo "$o"'
)
"""The first lines of these files behind their names, in one line, so that they come as one packet. The shell reads them
itself: each program started takes longer than all of that. No `!` and no newline, which C shells find in any quotes."""
LOGIN_SHELL = ("eval", _READ)
"""Starts no program at all; understood where it is a POSIX shell, and most are."""
POSIX_SHELL = ("sh", "-c", _READ)
UP = "/proc/uptime"
LIMIT_BYTES = 64 << 10
ENDS_S = 1.0
"""For a program that has closed its output."""
_LINE = re.compile(r"(/(?:proc|sys)/[^:]+):(.+)")
_ENDS = re.compile(r"[;\n]")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")


@dataclass(frozen=True)
class Ping:
    """What one board answered, or the error. None is what it does not tell.

    `answered_s`: from the first packet to the end of the answer; `load_1min`: processes that run or wait for a disk.
    """

    device: Device
    answered_s: float | None = None
    up_s: float | None = None
    load_1min: float | None = None
    memory_available_bytes: int | None = None
    temperature_c: float | None = None
    error: BoardError | None = None


def ping_devices(
    farm: Farm, devices: Sequence[Device], notify: Callable[[Event], None], stop: threading.Event
) -> list[Ping]:
    """Ask all of them, many at once; one entry a device, in their order, but for those that `stop` came before."""
    found: dict[str, Ping] = {}

    def one(device: Device) -> None:
        if stop.is_set():
            return
        notify(Connecting(device.name, 1))
        try:
            found[device.name] = _ping(farm, device, notify)
        except BoardError as error:
            found[device.name] = Ping(device, error=error)
        notify(BoardDone(device.name))

    for_each(devices, one, stop, farm.settings.connections)
    return [found[device.name] for device in devices if device.name in found]


def _ping(farm: Farm, device: Device, notify: Callable[[Event], None]) -> Ping:
    began_s = time.perf_counter()
    transport = connect(device, farm.known_hosts)
    try:
        for warning in transport.warnings:
            notify(Noted(device.name, warning))
        return ask_how(device, transport, began_s)
    finally:
        transport.close()


def ask_how(device: Device, transport: Transport, began_s: float) -> Ping:
    """Ask over this connection, begun when `time.perf_counter` said `began_s`. `BoardLost`; `BoardUnfit` where no shell
    answers what was asked."""
    values: dict[str, list[str]] = {}
    if device.link is not Link.LOCAL:
        channel = transport.open_channel(LOGIN_SHELL)
        values = parse(_hear(device, channel))
        if UP not in values:
            _end(device, transport, channel)
    if UP not in values:
        channel = transport.open_channel(POSIX_SHELL)
        said = _hear(device, channel)
        values = parse(said)
        if UP not in values:
            raise _no_answer(device.name, said, channel)
    return read_answer(device, values, time.perf_counter() - began_s)


def _end(device: Device, transport: Transport, channel: ByteChannel) -> None:
    """So that another one is let in where one at a time is: whoever answers after the end has read of it."""
    channel.exit_status(ENDS_S)
    channel.close()
    transport.answers(device.connect_timeout_s)


def _hear(device: Device, channel: ByteChannel) -> str:
    """To its end, or what fits. `BoardLost` when the end does not come."""
    until_s = time.monotonic() + device.connect_timeout_s
    said = b""
    while len(said) < LIMIT_BYTES:
        part = channel.receive(max(0.0, until_s - time.monotonic()))
        if part == b"":
            break
        said += part or b""
        if time.monotonic() >= until_s:
            hint = "look at its load and its disk; a longer wait: connect_timeout_s in its profile"
            text = f"{device.name}: it let us in, and does not answer within {device.connect_timeout_s:g} s"
            raise BoardLost(device.name, text, hint)
    return said.decode("utf-8", "replace")


def parse(said: str) -> dict[str, list[str]]:
    """The lines of each file, by its path; what a login says of itself is left out."""
    values: dict[str, list[str]] = {}
    for line in _ENDS.split(said):
        found = _LINE.fullmatch(line)
        if found is not None:
            values.setdefault(found[1], []).append(found[2])
    return values


def read_answer(device: Device, values: dict[str, list[str]], answered_s: float) -> Ping:
    """What the files say; formats: proc(5), and Documentation/ABI/testing/sysfs-class-thermal of the kernel."""
    memory = [line.partition(":") for line in values.get("/proc/meminfo", ())]
    available_kib = _number([rest.strip() for name, _, rest in memory if name == "MemAvailable"])
    zones = [_number(lines) for path, lines in values.items() if path.startswith("/sys/class/thermal/")]
    temperatures_c = [found_c for zone in zones if (found_c := celsius(zone)) is not None]
    return Ping(
        device,
        answered_s=answered_s,
        up_s=_number(values.get(UP, ())),
        load_1min=_number(values.get("/proc/loadavg", ())),
        memory_available_bytes=None if available_kib is None else int(available_kib) * 1024,
        temperature_c=max(temperatures_c, default=None),
    )


def _number(lines: Sequence[str]) -> float | None:
    """The first word of the first line; None where that is no number."""
    word = "".join(lines[:1]).partition(" ")[0]
    return float(word) if _NUMBER.fullmatch(word) else None


def _no_answer(name: str, said: str, channel: ByteChannel) -> BoardUnfit:
    words = [line.strip() for line in (said + "\n" + channel.errors()).splitlines() if line.strip()]
    told = f"; it said: {words[-1][:200]}" if words else ""
    hint = "its login must run commands, and it must be a Linux with a POSIX shell"
    return BoardUnfit(name, f"{name}: it let us in, and does not say how it is{told}", hint)


def not_asked(device: Device) -> Ping:
    """For a board that was not asked any more."""
    error = BoardError(device.name, f"{device.name}: not asked", f"dynofarm device ping {device.name}")
    return Ping(device, error=error)
