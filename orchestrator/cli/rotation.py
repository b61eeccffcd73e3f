"""Boards that are left out, and it is said: those in quarantine, and those that somebody else has reserved."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from orchestrator.claims import myself, reserved_text
from orchestrator.cli.context import say
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.records import LeaseRecord, QuarantineRecord
from orchestrator.store import Store


def in_rotation(store: Store, chosen: Sequence[Device], *, include: bool) -> list[Device]:
    """The chosen boards that may measure; with `include` those in quarantine, too. `UsageError` when none is left."""
    return _kept(chosen, left_out(store, [device.name for device in chosen], include=include))


def free(store: Store, chosen: Sequence[Device]) -> list[Device]:
    """The chosen boards that nobody else has reserved. `UsageError` when none is left."""
    return _kept(chosen, _without(_reserved(store), [device.name for device in chosen]))


def left_out(store: Store, names: Collection[str], *, include: bool) -> dict[str, str]:
    """Those of the boards that may not measure, each told in a line, and what they are: in quarantine or reserved.

    With `include` none is left out for its quarantine.
    """
    ill = {name: record for name, record in store.quarantined().items() if name in names}
    if include:
        for name, record in ill.items():
            say(f"{name} is measured all the same: {_in_quarantine(name, record)}")
        ill = {}
    reserved = _reserved(store)
    why = {name: ("in quarantine", _in_quarantine(name, record)) for name, record in ill.items()}
    return _without(why | reserved, names)


def _kept(chosen: Sequence[Device], out: Mapping[str, str]) -> list[Device]:
    kept = [device for device in chosen if device.name not in out]
    if not chosen or kept:
        return kept
    hints = {
        "in quarantine": "look at them again: dynofarm health; put one back: dynofarm health --release NAME; "
        "or measure all the same: --include-quarantined",
        "reserved": "ask whoever has them; what is reserved: dynofarm device reservations",
    }
    found = sorted(set(out.values()))
    raise UsageError(
        f"every chosen board is {' or '.join(found)}: {', '.join(sorted(out))}",
        "; ".join(hints[kind] for kind in found),
    )


def _without(why: Mapping[str, tuple[str, str]], names: Collection[str]) -> dict[str, str]:
    out = {name: kind for name, (kind, _) in why.items() if name in names}
    for name in out:
        say(f"{name} is left out: {why[name][1]}")
    return out


def _reserved(store: Store) -> dict[str, tuple[str, str]]:
    """Those that somebody else has."""
    now, me = datetime.now().astimezone(), myself()
    held = store.reservations.active(now)
    return {name: ("reserved", _reserved_by(record, now)) for name, record in held.items() if record.owner != me}


def _reserved_by(record: LeaseRecord, now: datetime) -> str:
    return reserved_text(record.owner, record.until or now, record.why, now)


def _in_quarantine(name: str, record: QuarantineRecord) -> str:
    return f"in quarantine, {record.reason}; next: dynofarm health --release {name}"
