"""Boards that are in quarantine are left out of sweeps, and it is said."""

from collections.abc import Collection, Sequence

from orchestrator.cli.context import say
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.records import QuarantineRecord
from orchestrator.store import Store


def in_rotation(store: Store, chosen: Sequence[Device], *, include: bool) -> list[Device]:
    """The chosen boards that may measure; with `include` all of them. `UsageError` when none is left."""
    out = left_out(store, [device.name for device in chosen], include=include)
    kept = [device for device in chosen if device.name not in out]
    if chosen and not kept:
        raise UsageError(
            f"every chosen board is in quarantine: {', '.join(sorted(out))}",
            "look at them again: dynofarm health; put one back: dynofarm health --release NAME; "
            "or measure all the same: --include-quarantined",
        )
    return kept


def left_out(store: Store, names: Collection[str], *, include: bool) -> set[str]:
    """Those of the boards that are in quarantine, each told in a line; with `include` none is left out."""
    out = {name: record for name, record in store.quarantined().items() if name in names}
    for name, record in out.items():
        say(f"{name} is {'measured all the same' if include else 'left out'}: {_told(name, record)}")
    return set() if include else set(out)


def _told(name: str, record: QuarantineRecord) -> str:
    return f"in quarantine, {record.reason}; next: dynofarm health --release {name}"
