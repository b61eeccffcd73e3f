"""The work behind `dynofarm device reserve` and `release`: progress on stderr, each board's outcome in a line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from orchestrator.asking.boards import select_devices
from orchestrator.claims import reserved_text
from orchestrator.cli.context import print_json, say, say_next
from orchestrator.cli.display import open_display
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.devices import Device
from orchestrator.farm import Farm
from orchestrator.moments import moment_text
from orchestrator.records import Ending
from orchestrator.report.reservations import outcome_values
from orchestrator.store import Store
from orchestrator.visits.reserving import Outcome, Visitor, release, reserve

STOPPING = "stopping"
SOMEBODY_ELSES, STOPPED = 4, 130


def reserve_boards(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    on: Sequence[str],
    term_s: float,
    why: str,
    *,
    quiet: bool,
    as_json: bool,
) -> int:
    """Reserve the selected boards and say what came of it; the exit code."""
    chosen = select_devices(devices, on, store.last_facts())
    with _visitor(farm, store, chosen, quiet=quiet or as_json) as visitor:
        found = reserve(visitor, chosen, term_s, why)
    if as_json:
        print_json([outcome_values(one) for one in found])
    for one in found:
        if not one.done:
            _say_whose(one)
        elif not as_json and one.record is not None and one.record.until is not None:
            now = datetime.now().astimezone()
            say(f"{one.device} is yours until {moment_text(one.record.until, now)} ({one.record.why})")
            if not one.told:
                say(f"the board does not know yet: {one.trouble}; it hears of it at your next visit")
    if visitor.is_stopped:
        return STOPPED
    return 0 if all(one.done for one in found) else SOMEBODY_ELSES


def release_boards(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    on: Sequence[str],
    *,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Give the selected boards back and say what came of it; the exit code."""
    chosen = select_devices(devices, on, store.last_facts())
    with _visitor(farm, store, chosen, quiet=quiet or as_json) as visitor:
        found = release(visitor, chosen, force=force)
    if as_json:
        print_json([outcome_values(one) for one in found])
    for one in found:
        if one.record is not None and not one.done:
            _say_whose(one)
        elif not as_json:
            _say_released(one)
    if visitor.is_stopped:
        return STOPPED
    return 0 if all(one.done or one.record is None for one in found) else SOMEBODY_ELSES


@contextmanager
def _visitor(farm: Farm, store: Store, chosen: Sequence[Device], *, quiet: bool) -> Iterator[Visitor]:
    names = [device.name for device in chosen]
    with (
        stop_on_signals(STOPPING) as stop,
        open_display(names, quiet=quiet, transient=True) as display,
    ):
        yield Visitor(farm, store, display.notify, stop)


def _say_released(one: Outcome) -> None:
    if one.record is None:
        say(f"{one.device} was not reserved" + (f", as far as is known: {one.trouble}" if one.trouble else ""))
        return
    forced = one.record.ending is Ending.FORCED
    say(
        f"{one.device} is free again" + (f"; it was taken from {one.record.owner} ({one.record.why})" if forced else "")
    )
    if not one.told:
        say(f"the board does not know yet: {one.trouble or 'it did not confirm'}; it hears of it at the next visit")


def _say_whose(one: Outcome) -> None:
    record = one.record
    if record is None or record.until is None:
        return
    now = datetime.now().astimezone()
    say(f"{one.device} is {reserved_text(record.owner, record.until, record.why, now)}")
    say_next(f"ask {record.owner}, or take it away: dynofarm device release {one.device} --force")
