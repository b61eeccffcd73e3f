"""`dynofarm sweeps`."""

from typing import Annotated

import typer

from orchestrator.cli.context import open_store, print_json, say, settings_of


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm sweeps --limit 5 --json")(sweeps)


def sweeps(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the sweeps, the newest first: when, how many jobs, how they stand."""
    from orchestrator.report.sweeps import sweep_row, sweeps_table

    with open_store(settings_of(context).find_farm()) as store:
        records = store.sweeps()
    newest = sorted(records, key=lambda record: -record.sweep_id)[:limit]
    if as_json:
        print_json([sweep_row(record) for record in newest])
        return
    if not newest:
        say("no sweep was run yet; next: dynofarm run MODEL --on BOARD")
        return
    sweeps_table(newest)
    if len(records) > limit:
        say(f"{len(records) - limit} more; next: dynofarm sweeps --limit {len(records)}")
    unfinished = [record.sweep_id for record in newest if record.progress.owed]
    if unfinished:
        say(f"sweep {unfinished[0]} is not finished; next: dynofarm run --resume {unfinished[0]}")
