"""What a wheel must fit: a board's Python, architecture and C library. Pure."""

import re
from dataclasses import dataclass

from agent.protocol import Facts

Pair = tuple[int, int]

OLDEST_GLIBC: Pair = (2, 17)
"""Assumed where a board does not tell: manylinux2014, which every Linux in use can load."""

_SAME_MACHINE = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}
_ON_32_BITS = {"aarch64": "armv7l", "x86_64": "i686"}
_LEGACY_TAGS = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


@dataclass(frozen=True)
class Target:
    """`architecture` as wheels spell it; `glibc` None where the board has none, or does not tell."""

    python: Pair
    architecture: str
    glibc: Pair | None

    def __str__(self) -> str:
        libc = f", glibc {dotted(self.glibc)}" if self.glibc else ""
        return f"Python {dotted(self.python)}, {self.architecture}{libc}"

    def platform_tags(self) -> list[str]:
        """Every platform tag that the board can load, the most demanding first (PEP 600)."""
        newest = self.glibc or OLDEST_GLIBC
        oldest_minor = 5 if self.architecture in ("x86_64", "i686") else 17
        tags = []
        for minor in range(newest[1], oldest_minor - 1, -1):
            tags.append(f"manylinux_{newest[0]}_{minor}_{self.architecture}")
            legacy = _LEGACY_TAGS.get((newest[0], minor))
            if legacy:
                tags.append(f"{legacy}_{self.architecture}")
        return [*tags, f"linux_{self.architecture}"]


def target_of(facts: Facts) -> Target:
    """A 64-bit kernel under a 32-bit userland (many a Raspberry Pi) counts as its 32-bit twin."""
    architecture = _SAME_MACHINE.get(facts.architecture.lower(), facts.architecture.lower())
    if facts.bits == 32:
        architecture = _ON_32_BITS.get(architecture, architecture)
    glibc = re.match(r"(?:gnu )?(?:g?libc)[ -]?(\d+)\.(\d+)", facts.libc or "", re.IGNORECASE)
    return Target(
        python=parse_pair(facts.python),
        architecture=architecture,
        glibc=(int(glibc[1]), int(glibc[2])) if glibc else None,
    )


def parse_pair(version: str) -> Pair:
    """Major and minor of a version such as 3.11.2; (0, 0) where there is none to read."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def dotted(pair: Pair) -> str:
    return f"{pair[0]}.{pair[1]}"
