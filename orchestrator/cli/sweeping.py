"""The work behind `dynofarm run`: show the plan, launch or resume with live progress."""

from collections.abc import Sequence

from orchestrator.asking.boards import select_devices
from orchestrator.cli.context import print_json, say, say_next
from orchestrator.cli.display import open_display
from orchestrator.cli.rotation import in_rotation, left_out
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.launch import NO_PROFILE, Launcher, Outcome, new_job_id, without_profile
from orchestrator.models import Model
from orchestrator.plan import plan
from orchestrator.quantities import parse_duration_s
from orchestrator.records import RunFilter
from orchestrator.reference_model import reference_model
from orchestrator.runs import RunStatus
from orchestrator.runtimes import objection
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.tasks.preparing import Prepared, prepare

STOPPING = "stopping: boards finish the job in hand and keep its result (again to stop at once)"

_RETRIED = [status for status in RunStatus if status not in (RunStatus.OK, RunStatus.LOST)]
"""Lost jobs are owed anyway."""


def parse_wait_s(text: str) -> float:
    """Seconds of --wait."""
    try:
        return parse_duration_s(text)
    except UsageError as error:
        raise UsageError(f"--wait: {error.message}", error.hint) from None


def show_plan(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    sweep: Sweep,
    models: Sequence[Model],
    *,
    include_quarantined: bool = False,
    as_json: bool,
) -> None:
    """Print what would run, from what is known of the boards; nothing is connected."""
    from orchestrator.report.plans import plan_rows, plan_table

    facts = store.last_facts()
    chosen = in_rotation(store, select_devices(devices, sweep.on, facts), include=include_quarantined)
    reference = reference_model() if sweep.reference else None
    work = prepare(sweep.task, models, farm.cache) if sweep.task is not None else Prepared()
    jobs = plan(sweep, models, chosen, facts, objection, new_job_id, reference, work.by_model)
    durations = store.typical_durations_s(jobs)
    rows = plan_rows(jobs, durations)
    if as_json:
        print_json(rows)
        return
    plan_table(rows, jobs, durations)
    unseen = [device.name for device in chosen if device.name not in facts]
    if unseen:
        say(f"not seen yet, so planned as if they could run everything: {', '.join(unseen)}")
        say_next(f"dynofarm device check {' '.join(unseen)}")


def launch(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    sweep: Sweep,
    models: Sequence[Model],
    *,
    wait_s: float,
    quiet: bool,
    include_quarantined: bool = False,
    power_cycle: bool = False,
) -> Outcome:
    """Run a new sweep with progress on stderr."""
    chosen = select_devices(devices, sweep.on, store.last_facts())
    chosen = in_rotation(store, chosen, include=include_quarantined)
    if power_cycle:
        _check_power(chosen)
    with stop_on_signals(STOPPING) as stop, open_display([device.name for device in chosen], quiet=quiet) as display:
        launcher = Launcher(farm, store, display, stop, wait_s, power_cycle=power_cycle)
        return launcher.launch(sweep, models, chosen)


def resume(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    what: Sequence[str] | None,
    *,
    retry: str | None,
    wait_s: float,
    quiet: bool,
    include_quarantined: bool = False,
    power_cycle: bool = False,
) -> Outcome:
    """Go on with a stored sweep; with `retry`, jobs that ended in these statuses are owed again."""
    if what and len(what) > 1:
        raise UsageError("--resume takes one sweep", f"for example: dynofarm run --resume {what[0]}")
    again = _statuses(retry) if retry else []
    record = store.sweep(what[0]) if what else store.last_unfinished_sweep(again)
    boards = _boards_of(store, record.sweep_id, again)
    out = set(left_out(store, boards, include=include_quarantined))
    gone = without_profile(record.sweep_id, boards - out, devices)
    for name in gone:
        say(f"{name} is left out: {NO_PROFILE}")
    out.update(gone)
    names = sorted(boards - out)
    if power_cycle and names:
        _check_power([device for device in devices if device.name in names])
    if again:
        store.owe_again(record.sweep_id, again)
    if not boards:
        say(f"sweep {record.sweep_id} is complete; nothing to resume")
        bad = [status for status in store.status_counts(record.sweep_id) if status in _RETRIED]
        if bad:
            say_next(f"to measure failed jobs again: dynofarm run --resume {record.sweep_id} --retry {','.join(bad)}")
    with stop_on_signals(STOPPING) as stop, open_display(names, quiet=quiet) as display:
        launcher = Launcher(farm, store, display, stop, wait_s, power_cycle=power_cycle)
        return launcher.resume(record.sweep_id, devices, out)


def _boards_of(store: Store, sweep_id: int, again: Sequence[RunStatus]) -> set[str]:
    """Whose jobs are owed, or will be once those that ended in these statuses are owed again."""
    boards = {job.device for job in store.owed_jobs(sweep_id)}
    if again:
        boards |= {run.device for run in store.runs(RunFilter(sweep=sweep_id, statuses=tuple(again), roles=()))}
    return boards


def _check_power(devices: Sequence[Device]) -> None:
    if not any(device.power for device in devices):
        raise UsageError(
            "--power-cycle: none of these boards has a `power` command in its profile",
            "give them one: dynofarm device edit NAME --set 'power=[PROGRAM, WORD, …]'",
        )


def _statuses(text: str) -> list[RunStatus]:
    found = []
    for word in text.replace("-", "_").split(","):
        if word.strip() not in list(_RETRIED):
            raise UsageError(f"--retry {word.strip()}: no such status", f"there are: {', '.join(_RETRIED)}")
        found.append(RunStatus(word.strip()))
    return found
