"""The work behind `dynofarm run`: read what to run, show the plan, launch or resume with live progress."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.cli.context import print_json, say
from orchestrator.cli.display import open_display
from orchestrator.cli.selecting import select_devices
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.launch import Launcher, Outcome, new_job_id
from orchestrator.models import Model
from orchestrator.plan import plan
from orchestrator.quantities import parse_duration_s
from orchestrator.runs import RunStatus
from orchestrator.runtimes import check_choice, objection
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.sweep_files import load_sweep, override_sweep, sweep_from_options


def read_sweep(farm: Farm, store: Store, what: Sequence[str], options: Mapping[str, Any]) -> tuple[Sweep, list[Model]]:
    """A sweep file with options that override it, or models and options; and the models it names, from the store."""
    given = {key: value for key, value in options.items() if value is not None}
    if not what:
        raise UsageError("what shall run? Give a sweep file or models", "dynofarm run sweeps/example.yaml")
    files = [Path(text) for text in what if text.endswith((".yaml", ".yml"))]
    if files and len(what) > 1:
        raise UsageError("one sweep file, or models; not both", f"dynofarm run {files[0]}")
    if files:
        path = files[0] if files[0].is_absolute() or files[0].exists() else farm.root / files[0]
        sweep = override_sweep(load_sweep(path), given)
    else:
        sweep = sweep_from_options(models=what, **given)
    for choice in sweep.runtimes:
        check_choice(choice)
    models = [model for pattern in sweep.models for model in store.match_models(pattern)]
    return sweep, list({model.digest: model for model in models}.values())


def show_plan(store: Store, devices: Sequence[Device], sweep: Sweep, models: Sequence[Model], *, as_json: bool) -> None:
    """Print what would run, from what is known of the boards; nothing is connected."""
    from orchestrator.report.plans import plan_rows, plan_table

    facts = store.last_facts()
    chosen = select_devices(devices, sweep.on, facts)
    jobs = plan(sweep, models, chosen, facts, objection, new_job_id)
    durations = {job.case_key: store.typical_duration_s(job) for job in jobs}
    rows = plan_rows(jobs, durations)
    if as_json:
        print_json(rows)
        return
    plan_table(rows, jobs, durations)
    unseen = [device.name for device in chosen if device.name not in facts]
    if unseen:
        say(f"not seen yet, so planned as if they could run everything: {', '.join(unseen)}")
        say(f"next: dynofarm device check {' '.join(unseen)}")


def launch(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    sweep: Sweep,
    models: Sequence[Model],
    *,
    wait: str,
    quiet: bool,
) -> Outcome:
    """Run a new sweep with progress on stderr."""
    chosen = select_devices(devices, sweep.on, store.last_facts())
    with _stop_on_signals() as stop, open_display([device.name for device in chosen], quiet=quiet) as display:
        return Launcher(farm, store, display, stop, parse_duration_s(wait)).launch(sweep, models, chosen)


def resume(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    what: Sequence[str] | None,
    *,
    retry: str | None,
    wait: str,
    quiet: bool,
) -> Outcome:
    """Go on with a stored sweep; with `retry`, jobs that ended in these statuses are owed again."""
    if what and len(what) > 1:
        raise UsageError("--resume takes one sweep", "dynofarm run --resume 12")
    record = store.sweep(what[0]) if what else store.last_unfinished_sweep()
    if retry:
        store.owe_again(record.sweep_id, _statuses(retry))
    jobs = store.owed_jobs(record.sweep_id)
    if not jobs:
        say(f"sweep {record.sweep_id} is complete; nothing to resume")
    names = sorted({job.device for job in jobs})
    with _stop_on_signals() as stop, open_display(names, quiet=quiet) as display:
        return Launcher(farm, store, display, stop, parse_duration_s(wait)).resume(record.sweep_id, devices)


def _statuses(text: str) -> list[RunStatus]:
    again = [status for status in RunStatus if status not in (RunStatus.OK, RunStatus.LOST)]
    found = []
    for word in text.replace("-", "_").split(","):
        if word.strip() not in list(again):
            raise UsageError(f"--retry {word.strip()}: no such status", f"there are: {', '.join(again)}")
        found.append(RunStatus(word.strip()))
    return found


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Ctrl-C or a polite kill asks all boards to stop; a second one ends the process at once. Nothing is lost by
    either: outcomes are committed one by one, and a board keeps the job in hand in its spool."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()
        say("stopping: boards finish the job in hand and keep its result (again to stop at once)")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
