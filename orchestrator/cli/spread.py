"""`dynofarm spread`: copies of the same board, compared with one another."""

from typing import Annotated

import typer

from orchestrator.cli.completion import board_selectors, model_names
from orchestrator.cli.context import load_devices, open_store, print_json, say, settings_of
from orchestrator.cli.options import Json

EPILOG = "Example: dynofarm spread --model 'mobilebert*' --on tag:pi4"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(spread)


def spread(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Only these models; again for more.", autocompletion=model_names),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="BOARD,…", help="Only these boards; all of them.", autocompletion=board_selectors),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Only runs since: 7d, 2026-11-21.")] = None,
    as_json: Json = False,
) -> None:
    """Show how far copies of the same board differ, and which differences of models are larger than that."""

    from orchestrator.asking.boards import select_devices
    from orchestrator.health.copies import spread_of, units_of
    from orchestrator.quantities import now_here, parse_since
    from orchestrator.records import RunFilter
    from orchestrator.report.spread import spread_tables, spread_values
    from orchestrator.runs import RunStatus

    farm = settings_of(context).find_farm()
    with open_store(farm) as store:
        facts = store.last_facts()
        chosen = select_devices(load_devices(farm), on or ["all"], facts)
        units = units_of(chosen, facts)
        wanted = RunFilter(
            models=tuple(model or ()),
            statuses=(RunStatus.OK,),
            since=parse_since(since, now_here()) if since is not None else None,
        )
        names = {unit.device for unit in units}
        runs = [run for run in store.runs(wanted) if run.device in names]
    found = spread_of(units, runs)
    if as_json:
        print_json([spread_values(one) for one in found])
        return
    if found:
        spread_tables(found)
        return
    kinds = {unit.board for unit in units}
    if not kinds:
        say("no two of these boards are known to be copies of one; next: dynofarm device edit NAME --set board_model=…")
    else:
        say(f"no case was measured on two copies of {', '.join(sorted(kinds))}; next: dynofarm run MODEL --on all")
