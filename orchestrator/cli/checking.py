"""Checking boards for a verb: progress on stderr, the table or JSON on stdout."""

from collections.abc import Sequence

from orchestrator.asking.boards import select_devices
from orchestrator.cli.context import print_json, say, say_next
from orchestrator.cli.display import open_display
from orchestrator.cli.rotation import free
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.devices import Device
from orchestrator.errors import BoardError
from orchestrator.farm import Farm
from orchestrator.report.devices import checkup_values, checkups_table
from orchestrator.store import Store
from orchestrator.visits.checkup import Checkup, check_devices

STOPPED = 130
UNUSABLE = 4


def run_check(farm: Farm, store: Store, devices: Sequence[Device], on: Sequence[str], *, as_json: bool) -> int:
    """Check the selected boards, show what was found; the exit code."""
    chosen = free(store, select_devices(devices, on, store.last_facts()))
    found, stopped = check(farm, store, chosen, quiet=as_json)
    if as_json:
        print_json([checkup_values(one) for one in found])
    else:
        show_checks(found)
        if any(one.error is None for one in found):
            say("what on a board would spoil measurements, and what mends it: dynofarm doctor")
    return STOPPED if stopped else exit_code(found)


def check(farm: Farm, store: Store, chosen: Sequence[Device], *, quiet: bool) -> tuple[list[Checkup], bool]:
    """What was found of each board, and whether the user stopped it."""
    names = [device.name for device in chosen]
    with (
        stop_on_signals("stopping") as stop,
        open_display(names, quiet=quiet, transient=True) as display,
    ):
        found = check_devices(farm, store, chosen, display.notify, stop)
    return [_told(one) for one in found], stop.is_set()


def show_checks(found: Sequence[Checkup]) -> None:
    """The table, and below it what is wrong with the boards that failed."""
    checkups_table(found)
    for one in found:
        if one.error is not None:
            say(one.error.message)
            say_next(one.error.hint)


def exit_code(found: Sequence[Checkup]) -> int:
    return UNUSABLE if any(one.error for one in found) else 0


def _told(one: Checkup) -> Checkup:
    """A board that was stopped on the way has neither facts nor an error."""
    if one.facts is not None or one.error is not None:
        return one
    stopped = BoardError(one.device.name, f"{one.device.name}: not checked", f"dynofarm device check {one.device.name}")
    return Checkup(one.device, error=stopped)
