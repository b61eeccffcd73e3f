"""Asking boards whether they are up: progress on stderr, the table or JSON on stdout."""

import time
from collections.abc import Sequence

from orchestrator.cli.checking import STOPPED, UNUSABLE
from orchestrator.cli.context import print_json, say, say_next
from orchestrator.cli.display import open_display
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.devices import Device
from orchestrator.farm import Farm
from orchestrator.report.pings import ping_values, pings_table
from orchestrator.report.words import count_text
from orchestrator.visits.pinging import Ping, not_asked, ping_devices


def run_ping(farm: Farm, chosen: Sequence[Device], *, as_json: bool) -> int:
    """Ask the boards, show what they said; the exit code."""
    began_s = time.perf_counter()
    with (
        stop_on_signals("stopping") as stop,
        open_display([device.name for device in chosen], quiet=as_json, transient=True) as display,
    ):
        asked = {ping.device.name: ping for ping in ping_devices(farm, chosen, display.notify, stop)}
    found = [asked.get(device.name) or not_asked(device) for device in chosen]
    if as_json:
        print_json([ping_values(ping) for ping in found])
    else:
        _show(found, time.perf_counter() - began_s)
    if stop.is_set():
        return STOPPED
    return UNUSABLE if any(ping.error for ping in found) else 0


def _show(found: Sequence[Ping], took_s: float) -> None:
    pings_table(found)
    for ping in found:
        if ping.error is not None:
            say(ping.error.message)
            say_next(ping.error.hint)
    up = sum(ping.error is None for ping in found)
    say(f"{up} of {count_text(len(found), 'board')} up; asked in {took_s:.1f} s")
