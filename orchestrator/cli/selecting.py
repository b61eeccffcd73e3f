"""From what the user typed after --on to devices."""

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
    missing = unmatched(devices, wanted, facts)
    if missing:
        known = ", ".join(device.name for device in devices)
        tags = ", ".join(sorted({f"tag:{tag}" for device in devices for tag in device.tags}))
        raise UnknownName(
            f"no board matches {', '.join(missing)}", f"there are: {known}" + (f"; and {tags}" if tags else "")
        )
    return select(devices, wanted, facts)
