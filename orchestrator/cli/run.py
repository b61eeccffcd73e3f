"""`dynofarm run`: a new sweep, or the rest of one."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import board_selectors, runnable
from orchestrator.cli.context import load_devices, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import IncludeQuarantined, Quiet, Wait
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.launch import Outcome
    from orchestrator.runs import RunStatus
    from orchestrator.store import Store

EPILOG = """Example: dynofarm run sweeps/bert.yaml --on tag:arm64, or
dynofarm run mobilebert --on kitchen --threads 1,2,4; to go on with it: dynofarm run --resume"""


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(run)


def run(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SWEEP.yaml | MODEL…]", help="A sweep file, or models.", autocompletion=runnable),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="BOARD,…", help="Names, patterns, tag:…, arch:…, all.", autocompletion=board_selectors),
    ] = None,
    runtimes: Annotated[
        str | None,
        typer.Option(
            "--runtimes", "--runtime", metavar="NAME[@VERSION],…", help="For example litert,tflite-runtime@2.14.0."
        ),
    ] = None,
    threads: Annotated[str | None, typer.Option(metavar="N,…", help="For example 1,2,4.")] = None,
    delegates: Annotated[
        str | None, typer.Option("--delegates", "--delegate", metavar="NAME,…", help="xnnpack, none.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="A runtime's option.")] = None,
    protocol: Annotated[str | None, typer.Option(metavar="NAME", help="quick, standard or mlperf-like.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, metavar="N", help="Fresh processes a case.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the order and the inputs.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE,…", help="Leave these cells out; again for more.")
    ] = None,
    reference: Annotated[
        bool | None, typer.Option("--reference/--no-reference", help="The reference model around each block.")
    ] = None,
    energy: Annotated[
        bool | None, typer.Option("--energy/--no-energy", help="Each case once more, with the power read.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="WHAT", help="ops: each case once more, to see what its operators take.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="DATA[/SPLIT]", help="Each case once more, on the examples of a data set.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="A name for the sweep.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and an estimate; run nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep: the last unfinished, or the one named.")
    ] = False,
    retry: Annotated[
        str | None, typer.Option(metavar="STATUS,…", help="With --resume: measure failed jobs again, too.")
    ] = None,
    wait: Wait = "2m",
    include_quarantined: IncludeQuarantined = False,
    power_cycle: Annotated[
        bool, typer.Option("--power-cycle", help="Switch hung boards off and on, once each (`power` in the profile).")
    ] = False,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Run a sweep over the boards and store what they measure. Ctrl-C keeps what is done."""
    from orchestrator.asking.sweeps import read_sweep
    from orchestrator.cli import sweeping

    options = {
        "on": on,
        "runtimes": runtimes,
        "threads": threads,
        "delegates": delegates,
        "options": option,
        "protocol": protocol,
        "repeats": repeats,
        "seed": seed,
        "exclude": exclude,
        "reference": reference,
        "energy": energy,
        "profile": profile,
        "task": task,
        "name": name,
    }
    if resume:
        _only_with_new_sweeps(**options | {"option": option, "options": None, "dry_run": dry_run or None})
    elif retry is not None:
        raise UsageError("--retry goes with --resume", f"dynofarm run --resume --retry {retry}")
    wait_s = sweeping.parse_wait_s(wait)
    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    with open_store(farm, create=not resume) as store:
        if resume:
            outcome = sweeping.resume(
                farm,
                store,
                devices,
                what,
                retry=retry,
                wait_s=wait_s,
                power_cycle=power_cycle,
                quiet=quiet,
                include_quarantined=include_quarantined,
            )
        else:
            sweep, models = read_sweep(farm, store, what or [], options)
            if dry_run:
                sweeping.show_plan(
                    farm, store, devices, sweep, models, include_quarantined=include_quarantined, as_json=as_json
                )
                return
            outcome = sweeping.launch(
                farm,
                store,
                devices,
                sweep,
                models,
                wait_s=wait_s,
                power_cycle=power_cycle,
                quiet=quiet,
                include_quarantined=include_quarantined,
            )
        _conclude(store, outcome, as_json=as_json)


def _only_with_new_sweeps(**given: object) -> None:
    wrong = [key for key, value in given.items() if value is not None]
    if wrong:
        raise UsageError(
            f"--resume goes on with a stored plan; --{wrong[0].replace('_', '-')} would change it",
            "dynofarm run --resume",
        )


def _conclude(store: "Store", outcome: "Outcome", *, as_json: bool) -> None:
    from orchestrator.cli import noise
    from orchestrator.records import RunFilter
    from orchestrator.report.link_faults import faults_lines, power_lines
    from orchestrator.report.results import results_table
    from orchestrator.report.trust import doubts_text
    from orchestrator.sweep import OPS, Purpose

    sweep = store.sweep(outcome.sweep_id).sweep
    if sweep.purpose is Purpose.NOISE:
        raise typer.Exit(noise.conclude(store, outcome, as_json=as_json))
    runs = store.runs(RunFilter(sweep=outcome.sweep_id))
    faults, cycles = store.link_faults(outcome.sweep_id), store.power_cycles(outcome.sweep_id)
    if as_json:
        print_json(
            {
                "sweep": outcome.sweep_id,
                "owed": outcome.owed,
                "runs": {str(status): count for status, count in outcome.counts.items()},
                "verdicts": Counter(str(run.verdict) for run in runs if run.verdict is not None),
                "link_faults": len(faults),
                "boards_lost": len({fault.device for fault in faults if fault.kind.is_loss}),
                "power_cycles": len(cycles),
            }
        )
    else:
        if runs:
            results_table(runs)
        _say_what_is_missing(outcome, doubts_text(runs))
        for line in [*faults_lines(faults), *power_lines(cycles)]:
            say(line)
        if sweep.profile == OPS:
            say_next(f"dynofarm results --sweep {outcome.sweep_id} --role profile --each-run, then dynofarm show RUN")
        if faults:
            say_next(f"dynofarm sweeps --faults {outcome.sweep_id}")
    raise typer.Exit(outcome.exit_code)


def _say_what_is_missing(outcome: "Outcome", doubts: str) -> None:
    from orchestrator.report.words import count_text, status_text

    counted = ", ".join(f"{count} {status_text(status)}" for status, count in _in_order(outcome))
    say(f"sweep {outcome.sweep_id}: {counted or 'nothing measured yet'}{f'; of them {doubts}' if doubts else ''}")
    if doubts:
        say_next(f"dynofarm results --sweep {outcome.sweep_id} --each-run --verdict suspect,invalid")
    if outcome.unjudged:
        say(f"the runs are not judged together: {outcome.unjudged}")
        say_next(f"dynofarm judge --sweep {outcome.sweep_id}")
    if outcome.owed:
        verb = "is" if outcome.owed == 1 else "are"
        say(f"{count_text(outcome.owed, 'job')} {verb} still to do; next: dynofarm run --resume {outcome.sweep_id}")


def _in_order(outcome: "Outcome") -> "list[tuple[RunStatus, int]]":
    """What went well first."""
    from orchestrator.runs import RunStatus

    return [(status, outcome.counts[status]) for status in RunStatus if status in outcome.counts]
