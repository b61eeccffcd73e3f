"""The work behind `dynofarm compare --replicate`: both sides measured on, with live progress."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.cli.context import say
from orchestrator.cli.display import open_display
from orchestrator.cli.rotation import left_out
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.cli.sweeping import STOPPING
from orchestrator.launch import Launcher, Outcome
from orchestrator.visits.replicating import Bench, Replication, Sides, replicate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.comparing.verdicts import Compared
    from orchestrator.devices import Device
    from orchestrator.farm import Farm
    from orchestrator.store import Store


def measure_on(
    farm: "Farm",
    store: "Store",
    devices: "Sequence[Device]",
    sides: Sides,
    judge: "Callable[[Sides], Compared]",
    *,
    budget_s: float,
    wait_s: float,
    quiet: bool,
) -> "tuple[Compared, Replication]":
    """Run what is undecided until it is decided or the time is over; the last comparison, and what was done.

    When the time is over, boards finish the job in hand, as if the user had stopped them.
    """
    names = {run.fingerprint.device for side in sides for run in side}
    out = left_out(store, names, include=False)
    chosen = [device for device in devices if device.name in names and device.name not in out]
    with stop_on_signals(STOPPING) as stop:
        over = threading.Event()

        def end() -> None:
            over.set()
            stop.set()

        timer = threading.Timer(min(budget_s, threading.TIMEOUT_MAX), end)
        timer.daemon = True
        timer.start()

        def run(sweep_id: int) -> Outcome:
            with open_display([device.name for device in chosen], quiet=quiet) as display:
                return Launcher(farm, store, display, stop, wait_s).resume(sweep_id, chosen)

        try:
            compared, done = replicate(
                Bench(store, chosen, judge, run, say, {name: one.kind for name, one in out.items()}), sides, budget_s
            )
        finally:
            timer.cancel()
        done.interrupted = stop.is_set() and not over.is_set()
    return compared, done


def conclude(done: Replication) -> None:
    """Say what was done, and what could not be."""
    for case, why in done.barred.items():
        say(f"not measured on: {case}: {why}")
    sweeps = ", ".join(map(str, done.sweeps))
    measured = f"; new runs are in sweep {sweeps}, and count for both sides here" if sweeps else ""
    say(f"replication ended: {done.ended}{measured}")
    if done.outcome is not None and done.outcome.owed:
        say(f"the rest of sweep {done.outcome.sweep_id} was not run; it needs not be")
