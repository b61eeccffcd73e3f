"""From what somebody typed after --on to devices."""

from collections.abc import Mapping, Sequence

from agent.protocol import Facts
from orchestrator.devices import Device
from orchestrator.errors import UnknownName, UsageError
from orchestrator.plan import select, unmatched


def select_devices(devices: Sequence[Device], selectors: Sequence[str], facts: Mapping[str, Facts]) -> list[Device]:
    """The selected devices; a selector that picks none is an error that lists what there is."""
    if not devices:
        raise UsageError("no board is registered yet", "dynofarm device add NAME USER@HOST")
    wanted = [part.strip() for selector in selectors for part in selector.split(",") if part.strip()]
    if not wanted:
        raise UsageError("no board is named", "for example --on all, or --on kitchen,tag:arm64")
    missing = unmatched(devices, wanted, facts)
    if missing:
        tags = sorted({f"tag:{tag}" for device in devices for tag in device.tags})
        known = ", ".join([*(device.name for device in devices), *tags])
        hint = "`dynofarm device list` shows them all"
        if any(one.startswith("arch:") for one in missing):
            hint = "an architecture is known once a board was seen: dynofarm device check"
        raise UnknownName(f"no board matches {', '.join(map(repr, missing))}; there are: {known}", hint)
    return select(devices, wanted, facts)
