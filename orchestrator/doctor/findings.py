"""What a finding is, and what the rules look at. Pure types, and figures in words."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.protocol import Conditions, Examined, Facts
from orchestrator.devices import Device


class Severity(StrEnum):
    """`spoils`: figures taken now are wrong or scatter. `may spoil`: they do when it strikes. `note`: worth knowing."""

    SPOILS = "spoils"
    MAY_SPOIL = "may spoil"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found: a sentence with figures, and what mends it.

    `on_board` are commands for the board's shell, `here` are commands for this machine's; `by_hand` is for what no
    command can do. `code` names the section of docs/how-to-quiet-a-board.md.
    """

    code: str
    severity: Severity
    sentence: str
    on_board: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    by_hand: str = ""


@dataclass(frozen=True)
class Past:
    """What the store knows of a board. `reasons` counts those of the `judged` newest runs that were not trusted."""

    judged: int = 0
    not_trusted: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    noise_floor: float | None = None
    quarantined_since: datetime | None = None
    quarantine_reason: str = ""


@dataclass(frozen=True)
class Patient:
    """A board, all that it told, and what is known of it. `ahead_s` is how far its clock is ahead of ours."""

    device: Device
    facts: Facts
    conditions: Conditions
    examined: Examined
    now: datetime
    ahead_s: float = 0.0
    past: Past = field(default_factory=Past)

    @property
    def name(self) -> str:
        return self.device.name

    @property
    def user(self) -> str:
        """Who we are on the board."""
        return self.facts.user

    @property
    def hottest_c(self) -> float | None:
        return max(self.conditions.temperatures_c.values(), default=None)

    def has(self, tool: str) -> bool:
        return tool in self.examined.standing.tools

    def runs_systemd(self) -> bool:
        return self.has("systemctl")


def quoted(word: object) -> str:
    """A word of a command that the user will paste into a shell."""
    return shlex.quote(str(word))


def cpus_text(cpus: float) -> str:
    """`41 % of a processor`, `1.5 processors`."""
    return f"{cpus:.0%} of a processor".replace("%", " %") if cpus < 0.995 else f"{cpus:.1f} processors"


def share_text(share: float) -> str:
    """`12 %`, `0.6 %`."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def size_text(size_bytes: float) -> str:
    """`1.4 GB`, `96 MB`; decimal."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 0.95e9 else f"{size_bytes / 1e6:.0f} MB"


def clock_text(khz: float) -> str:
    return f"{khz / 1e6:.2f} GHz"


def span_text(span_s: float) -> str:
    """`40 s`, `12 min`, `3.5 h`, `9 days`."""
    for unit, length_s, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if span_s < most * length_s:
            value = span_s / length_s
            return f"{value:.1f} {unit}" if value < 10 and unit == "h" else f"{value:.0f} {unit}"
    return f"{span_s / 86400:.0f} days"


def numbers_text(numbers: Sequence[int]) -> str:
    """`0-3,6`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def list_text(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
