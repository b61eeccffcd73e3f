"""`dynofarm sweeps`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import sweep_numbers
from orchestrator.cli.context import open_store, print_json, say, settings_of
from orchestrator.cli.options import MOST_LINES, Json

if TYPE_CHECKING:
    from orchestrator.store import Store


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm sweeps --limit 5 --json")(sweeps)


def sweeps(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, metavar="N", help="The newest so many.")] = 20,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="SWEEP",
            help="Every loss of a board in this sweep, and what was done then.",
            autocompletion=sweep_numbers,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the sweeps, the newest first: when, how many jobs, how they stand."""
    from orchestrator.report.sweeps import sweep_row, sweeps_table

    now = datetime.now(UTC)
    with open_store(settings_of(context).find_farm()) as store:
        if faults is not None:
            _show_faults(store, faults, as_json=as_json)
            return
        records = store.sweeps()
        losses = store.link_fault_counts()
        running = {one.sweep_id for one in store.sittings.now() if not one.is_mute(now)}
    newest = sorted(records, key=lambda record: -record.sweep_id)[:limit]
    if as_json:
        print_json([sweep_row(record, losses.get(record.sweep_id, 0)) for record in newest])
        return
    if not newest:
        say("no sweep was run yet; next: dynofarm run MODEL --on BOARD")
        return
    sweeps_table(newest)
    if len(records) > limit:
        say(f"{len(records) - limit} more; next: dynofarm sweeps --limit {len(records)}")
    for sweep_id in sorted(running, reverse=True):
        say(f"sweep {sweep_id} runs now; to stop it: dynofarm stop {sweep_id}")
    unfinished = [record.sweep_id for record in newest if record.progress.owed and record.sweep_id not in running]
    if unfinished:
        say(f"sweep {unfinished[0]} is not finished; next: dynofarm run --resume {unfinished[0]}")


def _show_faults(store: "Store", wanted: str, *, as_json: bool) -> None:
    from orchestrator.report.link_faults import fault_row, faults_lines, faults_table, power_lines, power_row

    sweep_id = store.sweep(wanted).sweep_id
    faults, cycles = store.link_faults(sweep_id), store.power_cycles(sweep_id)
    if as_json:
        print_json({"faults": [fault_row(fault) for fault in faults], "power": [power_row(cycle) for cycle in cycles]})
        return
    if not faults:
        say(f"no board was lost in sweep {sweep_id}")
        return
    faults_table(faults)
    for line in [*faults_lines(faults), *power_lines(cycles)]:
        say(line)
