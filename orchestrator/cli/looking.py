"""The work behind `dynofarm health`: look at boards with progress, look again at those that moved, take them out."""

import threading
from collections.abc import Sequence

from orchestrator.asking.boards import select_devices
from orchestrator.cli.context import print_json, say, say_next
from orchestrator.cli.display import Display, open_display
from orchestrator.cli.rotation import free
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.devices import Device
from orchestrator.farm import Farm
from orchestrator.health import Health, State
from orchestrator.launch import Launcher, Outcome
from orchestrator.reference_model import reference_model
from orchestrator.report.health import health_table, health_values
from orchestrator.store import Store
from orchestrator.visits.canary import close_sweep, health_sweep, look, take_out

STOPPING = "stopping: boards finish the job in hand and keep its result (again to stop at once)"
STOPPED, UNREACHABLE, TAKEN_OUT = 130, 4, 1


def look_at(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    on: Sequence[str],
    runs: int,
    *,
    wait_s: float,
    quiet: bool,
) -> tuple[list[Health], int]:
    """How the selected boards stand, those in quarantine too, and the exit code. What others reserved is left out."""
    chosen = free(store, select_devices(devices, on, store.last_facts()))
    with stop_on_signals(STOPPING) as stop, open_display([one.name for one in chosen], quiet=quiet) as display:
        found, outcome = _look(farm, store, chosen, runs, display, stop, wait_s)
        suspects = [one.device for one in found if one.state is State.MOVED and one.device not in store.quarantined()]
        if suspects and not stop.is_set():
            # Whatever disturbed the board for a moment is gone by now; what is wrong with it is not.
            say(f"{', '.join(suspects)}: not as usual; looking again")
            again = [device for device in chosen if device.name in suspects]
            seen, _ = _look(farm, store, again, runs, display, stop, wait_s)
            newer = {one.device: one for one in seen}
            found = [newer.get(one.device, one) for one in found]
    if stop.is_set():
        return found, STOPPED
    taken = [one.device for one in found if one.state is State.MOVED and take_out(store, one)]
    for name in taken:
        say(f"{name} was taken out of rotation: {store.quarantined()[name].reason}")
        say_next(f"dynofarm doctor {name}; when it is well: dynofarm health --release {name}")
    return found, _exit_code(found, outcome, taken)


def show(store: Store, found: Sequence[Health], *, as_json: bool) -> None:
    """The table on standard output, or JSON."""
    records = store.quarantined()
    if as_json:
        print_json([health_values(one, records.get(one.device)) for one in found])
        return
    health_table(found, records)
    well = [one.device for one in found if one.state is State.WELL and one.device in records]
    for name in well:
        say(f"{name} is as usual again; next: dynofarm health --release {name}")


def _look(
    farm: Farm,
    store: Store,
    chosen: Sequence[Device],
    runs: int,
    display: Display,
    stop: threading.Event,
    wait_s: float,
) -> tuple[list[Health], Outcome]:
    names = [device.name for device in chosen]
    launcher = Launcher(farm, store, display, stop, wait_s)
    outcome = launcher.launch(health_sweep(names, runs), [reference_model()], chosen)
    close_sweep(store, outcome.sweep_id)
    return [look(store, name, outcome.sweep_id) for name in names], outcome


def _exit_code(found: Sequence[Health], outcome: Outcome, taken: Sequence[str]) -> int:
    if not outcome.reached:
        return UNREACHABLE
    return TAKEN_OUT if taken or any(one.state is State.UNSEEN for one in found) else 0
