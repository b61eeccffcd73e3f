"""Foreign processors through qemu-user: which emulator, and how the kernel is told to use it inside one board."""

import os
import platform
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """One Debian architecture."""

    name: str
    """What `uname -m` says there."""
    elf_machine: int
    """e_machine of the ELF header."""
    elf_class: int
    """1 for 32 bits, 2 for 64."""


MACHINES = {
    "amd64": Machine("x86_64", 62, 2),
    "arm64": Machine("aarch64", 183, 2),
}


def native_architecture() -> str:
    """Debian's name for this machine's processor."""
    machine = platform.machine()
    return next((name for name, one in MACHINES.items() if one.name == machine), machine)


def emulation(architecture: str) -> str:
    """What a board's `/etc/dynofarm-emulated` says."""
    if architecture == native_architecture():
        return f"namespace on {platform.machine()}"
    return f"qemu-user {MACHINES[architecture].name}"


def environment(architecture: str) -> dict[str, str]:
    """What every session of such a board must have set."""
    if architecture == native_architecture() or architecture != "arm64":
        return {}
    # A Raspberry Pi 5's. As shipped, qemu-user shows every feature it knows, and no board has that processor.
    return {"QEMU_CPU": "cortex-a76"}


def cpuinfo(architecture: str, cores: int) -> str:
    """The `/proc/cpuinfo` of such a board, as Linux writes it for that processor; nothing for this machine's own.

    Programs choose their code by it, and XNNPACK falls over that of a foreign processor.
    """
    if not environment(architecture):
        return ""
    features = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
    known = {
        "BogoMIPS": "108.00",
        "Features": features,
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": "0x4",
        "CPU part": "0xd0b",
        "CPU revision": "1",
    }
    block = "".join(f"{name}\t: {value}\n" for name, value in known.items())
    return "\n".join(f"processor\t: {number}\n{block}" for number in range(cores)) + "\n"


def emulator(architecture: str) -> str | None:
    """The static qemu for an architecture, or None."""
    return shutil.which(f"qemu-{MACHINES[architecture].name}-static")


def registration(architecture: str) -> bytes:
    """The line that binfmt_misc is told, or nothing for this machine's own processor.

    Matches a little-endian ELF program or shared object of that machine. Flags: P keeps argv[0], F opens the emulator
    at once, so that the board needs no file of it.
    """
    if architecture == native_architecture():
        return b""
    machine = MACHINES[architecture]
    path = emulator(architecture)
    if path is None:
        raise ValueError(f"no emulator for {architecture}")
    magic = (
        b"\x7fELF"
        + bytes([machine.elf_class, 1, 1])
        + bytes(9)
        + b"\x02\x00"
        + machine.elf_machine.to_bytes(2, "little")
    )
    # The OS/ABI byte and the padding may be anything; type 2 and 3 (program, shared object) differ in one bit.
    mask = b"\xff" * 7 + bytes(9) + b"\xfe\xff\xff\xff"
    return f":qemu-{machine.name}:M::{_hex(magic)}:{_hex(mask)}:{path}:PF".encode()


def missing(architecture: str) -> list[str]:
    """Why boards of this architecture cannot be had here."""
    if architecture == native_architecture():
        return []
    if architecture not in MACHINES:
        return [f"the architecture {architecture!r} is unknown; known: {', '.join(MACHINES)}"]
    found = []
    if emulator(architecture) is None:
        found.append(f"there is no qemu-{MACHINES[architecture].name}-static (sudo apt install qemu-user-static)")
    version = tuple(int(part) for part in os.uname().release.split(".")[:2])
    if version < (6, 7):
        found.append(f"Linux {os.uname().release} has no binfmt_misc of a board's own (6.7 or later has)")
    return found


def _hex(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)
