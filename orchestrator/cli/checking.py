"""Checking boards for a verb: progress on stderr, the table or JSON on stdout."""

import threading
from collections.abc import Sequence
from dataclasses import asdict

from orchestrator.cli.context import print_json, say
from orchestrator.cli.display import open_display
from orchestrator.devices import Device
from orchestrator.farm import Farm
from orchestrator.store import Store


def run_check(farm: Farm, store: Store, devices: Sequence[Device], on: Sequence[str], *, as_json: bool) -> int:
    """Check the selected boards, show what was found, return how many failed."""
    from orchestrator.checkup import check_devices
    from orchestrator.cli.selecting import select_devices
    from orchestrator.report.devices import checkups_table

    chosen = select_devices(devices, on, store.last_facts())
    display = open_display([device.name for device in chosen], quiet=as_json)
    with display:
        found = check_devices(farm, store, chosen, display.notify, threading.Event())
    failed = [checkup for checkup in found if checkup.error is not None]
    if as_json:
        print_json(
            [
                {
                    "device": one.device.name,
                    "facts": asdict(one.facts) if one.facts else None,
                    "conditions": asdict(one.conditions) if one.conditions else None,
                    "error": one.error.message if one.error else None,
                    "next": one.error.hint if one.error else None,
                }
                for one in found
            ]
        )
        return len(failed)
    checkups_table(found)
    for checkup in failed:
        if checkup.error is not None:
            say(f"{checkup.error.message}\n  next: {checkup.error.hint}")
    return len(failed)
