"""Boards that are left out: those in quarantine, and those that somebody else has reserved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.claims import myself, reserved_text
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.records import LeaseRecord, QuarantineRecord
from orchestrator.store import Store

ILL, RESERVED = "in quarantine", "reserved"

_HINTS = {
    ILL: "look at them again: dynofarm health; put one back: dynofarm health --release NAME; "
    "or measure all the same: --include-quarantined",
    RESERVED: "ask whoever has them; what is reserved: dynofarm device reservations",
}


@dataclass(frozen=True)
class Out:
    """Why a board is out: `kind` is `ILL` or `RESERVED`; `told` a line about it."""

    kind: str
    told: str


def reserved_boards(store: Store) -> dict[str, Out]:
    """Those that somebody else has, by name."""
    now, me = datetime.now().astimezone(), myself()
    held = store.reservations.active(now)
    return {name: Out(RESERVED, _reserved_by(one, now)) for name, one in held.items() if one.owner != me}


def quarantined_boards(store: Store) -> dict[str, Out]:
    """Those in quarantine, by name."""
    return {name: Out(ILL, _in_quarantine(name, record)) for name, record in store.quarantined().items()}


def among(out: Mapping[str, Out], names: Collection[str]) -> dict[str, Out]:
    return {name: one for name, one in out.items() if name in names}


def kept_boards(chosen: Sequence[Device], out: Mapping[str, Out]) -> list[Device]:
    """The chosen boards without those that are out. `UsageError` where none is left."""
    kept = [device for device in chosen if device.name not in out]
    if not chosen or kept:
        return kept
    found = sorted({one.kind for one in out.values()})
    raise UsageError(
        f"every chosen board is {' or '.join(found)}: {', '.join(sorted(out))}",
        "; ".join(_HINTS[kind] for kind in found),
    )


def _reserved_by(record: LeaseRecord, now: datetime) -> str:
    return reserved_text(record.owner, record.until or now, record.why, now)


def _in_quarantine(name: str, record: QuarantineRecord) -> str:
    return f"in quarantine, {record.reason}; next: dynofarm health --release {name}"
