"""How far a board's numbers go, beside what it is: its noise floor, and whether it is out of rotation or reserved."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrator.moments import moment_text


@dataclass(frozen=True)
class Standing:
    """`floor` is a share (0.021: differences under 2.1 % are noise), for `runs` runs a side; None: never measured."""

    floor: float | None = None
    runs: int | None = None
    measured: datetime | None = None
    out_since: datetime | None = None
    out_reason: str | None = None
    reserved_by: str | None = None
    reserved_until: datetime | None = None
    reserved_why: str | None = None

    def out(self, since: datetime, reason: str) -> "Standing":
        """The same board, in quarantine."""
        return replace(self, out_since=since, out_reason=reason)

    def kept(self, owner: str, until: datetime, why: str) -> "Standing":
        """The same board, reserved."""
        return replace(self, reserved_by=owner, reserved_until=until, reserved_why=why)

    @property
    def reservation(self) -> str:
        """`anna@lab until 14:30 (debugging)`; nothing where it is free."""
        if self.reserved_by is None or self.reserved_until is None:
            return ""
        until = moment_text(self.reserved_until, datetime.now().astimezone())
        return f"{self.reserved_by} until {until} ({self.reserved_why})"

    def values(self) -> dict[str, Any]:
        """For --json."""
        return {
            "noise_floor": self.floor,
            "noise_runs": self.runs,
            "quarantine": self.out_reason,
            "reserved_by": self.reserved_by,
            "reserved_until": self.reserved_until.isoformat() if self.reserved_until else None,
            "reserved_why": self.reserved_why,
        }


def floor_text(floor: float | None) -> str:
    """`2.1 %`; never `0.0 %` for a floor that is there."""
    if floor is None:
        return "–"
    return f"{max(floor, 0.0005) * 100:.1f} %" if floor > 0 else "0 %"


def standing_lines(name: str, standing: Standing) -> list[tuple[str, str]]:
    """For the page of a board."""
    noise = f"not measured; next: dynofarm noise --on {name}"
    if standing.floor is not None and standing.measured is not None:
        when = standing.measured.astimezone().strftime("%Y-%m-%d")
        noise = f"differences under {floor_text(standing.floor)} ({standing.runs} runs a side; measured {when})"
    lines = [("noise", noise)]
    if standing.out_since is not None:
        since = standing.out_since.astimezone().strftime("%Y-%m-%d %H:%M")
        told = f"out of rotation since {since}: {standing.out_reason}; next: dynofarm health --on {name}"
        lines.append(("quarantine", told))
    if standing.reservation:
        lines.append(("reserved", standing.reservation))
    return lines
