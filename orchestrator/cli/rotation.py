"""Boards that are left out, and it is said: those in quarantine, and those that somebody else has reserved."""

from collections.abc import Collection, Mapping, Sequence

from orchestrator.asking.rotation import Out, among, kept_boards, quarantined_boards, reserved_boards
from orchestrator.cli.context import say
from orchestrator.devices import Device
from orchestrator.store import Store


def in_rotation(store: Store, chosen: Sequence[Device], *, include: bool) -> list[Device]:
    """The chosen boards that may measure; with `include` those in quarantine, too. `UsageError` when none is left."""
    return kept_boards(chosen, left_out(store, [device.name for device in chosen], include=include))


def free(store: Store, chosen: Sequence[Device]) -> list[Device]:
    """The chosen boards that nobody else has reserved. `UsageError` when none is left."""
    return kept_boards(chosen, _said(among(reserved_boards(store), [device.name for device in chosen])))


def left_out(store: Store, names: Collection[str], *, include: bool) -> dict[str, Out]:
    """Those of the boards that may not measure, each told in a line.

    With `include` none is left out for its quarantine.
    """
    ill = among(quarantined_boards(store), names)
    if include:
        for name, one in ill.items():
            say(f"{name} is measured all the same: {one.told}")
        ill = {}
    return _said(ill | among(reserved_boards(store), names))


def _said(out: Mapping[str, Out]) -> dict[str, Out]:
    for name, one in out.items():
        say(f"{name} is left out: {one.told}")
    return dict(out)
