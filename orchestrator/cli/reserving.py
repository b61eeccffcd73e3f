"""The work behind `dynofarm device reserve` and `release`: progress on stderr, each board's outcome in a line."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.asking.boards import select_devices
from orchestrator.claims import reserved_text
from orchestrator.cli.context import print_json, say, say_next
from orchestrator.cli.display import open_display
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.devices import Device
from orchestrator.events import Connected, Event
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
    with _round(farm, store, chosen, quiet=quiet or as_json) as visit:
        found = visit.as_far_as_known(reserve(visit.visitor, chosen, term_s, why))
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
    if visit.stop.is_set():
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
    with _round(farm, store, chosen, quiet=quiet or as_json) as visit:
        found = visit.as_far_as_known(release(visit.visitor, chosen, force=force))
    if as_json:
        print_json([outcome_values(one) for one in found])
    for one in found:
        if one.record is not None and not one.done:
            _say_whose(one)
        elif not as_json:
            _say_released(one)
    if visit.stop.is_set():
        return STOPPED
    return 0 if all(one.done or one.record is None for one in found) else SOMEBODY_ELSES


@dataclass
class _Round:
    """One visit to some boards. `reached` are those that answered; with `stop` set the others were not waited for."""

    visitor: Visitor
    stop: threading.Event
    reached: set[str]

    def as_far_as_known(self, found: Sequence[Outcome]) -> list[Outcome]:
        """What came of the boards; of those that a stop kept from answering nothing is said but that."""
        return [self._cut_short(one) if self.stop.is_set() else one for one in found]

    def _cut_short(self, one: Outcome) -> Outcome:
        somebody_elses = one.record is not None and not one.done
        if somebody_elses or one.device in self.reached:
            return one
        return replace(
            one, done=one.record is not None, told=False, trouble=f"{one.device}: stopped before it answered"
        )


@contextmanager
def _round(farm: Farm, store: Store, chosen: Sequence[Device], *, quiet: bool) -> Iterator[_Round]:
    names = [device.name for device in chosen]
    reached: set[str] = set()
    with (
        stop_on_signals(STOPPING) as stop,
        open_display(names, quiet=quiet, transient=True) as display,
    ):

        def notify(event: Event) -> None:
            if isinstance(event, Connected):
                reached.add(event.device)
            display.notify(event)

        yield _Round(Visitor(farm, store, notify, stop), stop, reached)


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
