"""The processor's name and the instructions that matter to a runtime, from /proc/cpuinfo.

ARM kernels of 64 bits give numbers instead of a name; they are those of the register MIDR_EL1 (Arm's manuals of each
core, and `lscpu` of util-linux, which lists the same ones). How much each processor can do, beside the others:
Documentation/ABI/testing/sysfs-devices-system-cpu, `cpu_capacity`.
"""

from typing import Dict, List, Optional, Set

from agent.sensors import matches, read_int, read_text

_ARM_PARTS = {
    0xB76: "ARM1176",
    0xC07: "Cortex-A7",
    0xC08: "Cortex-A8",
    0xC09: "Cortex-A9",
    0xC0F: "Cortex-A15",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD49: "Neoverse-N2",
    0xD4D: "Cortex-A715",
}
_ARM = 0x41
_WORTH_KNOWING = (
    "neon asimd fphp asimdhp asimddp asimdrdm i8mm bf16 sve sve2 sme vfpv4 "
    "ssse3 sse4_1 sse4_2 avx f16c fma avx2 avx_vnni avx512f avx512bw avx512_vnni avx512_bf16 amx_int8 amx_bf16"
)


def read_name(root: str) -> Optional[str]:
    """`Intel(R) N100`, `Cortex-A72`, or several joined by `+` on a board with big and little cores."""
    names: Dict[str, None] = {}
    implementer = None
    for key, value in _pairs(root):
        if key == "model name":
            names[value] = None
        elif key == "CPU implementer":
            implementer = _number(value)
        elif key == "CPU part" and implementer == _ARM:
            part = _number(value)
            if part in _ARM_PARTS:
                names[_ARM_PARTS[part]] = None
    # 32-bit ARM kernels say both "ARMv7 Processor rev 3 (v7l)" and the part: the part tells more.
    telling = [name for name in names if not name.startswith("ARMv")]
    return " + ".join(telling or names) or None


def read_isa(root: str) -> List[str]:
    """The extensions that runtimes choose their kernels by, in the kernel's own words, sorted."""
    known = set(_WORTH_KNOWING.split())
    found: Set[str] = set()
    for key, value in _pairs(root):
        if key in ("flags", "Features"):
            found.update(set(value.split()) & known)
    return sorted(found)


def read_capacities(root: str) -> Dict[str, int]:
    """By processor number, 1024 for the fastest; empty where the kernel does not tell, as on most x86 boards."""
    capacities = {}
    for path in matches(root, "/sys/devices/system/cpu/cpu[0-9]*/cpu_capacity"):
        capacity = read_int(root, path)
        if capacity is not None and capacity > 0:
            capacities[path.split("/")[5][len("cpu") :]] = capacity
    return capacities


def _pairs(root: str) -> List[List[str]]:
    lines = (read_text(root, "/proc/cpuinfo") or "").splitlines()
    return [[word.strip() for word in line.split(":", 1)] for line in lines if ":" in line]


def _number(text: str) -> Optional[int]:
    try:
        return int(text, 0)
    except ValueError:
        return None
