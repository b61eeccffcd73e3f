"""`dynofarm history`: since when a case is slower, and what changed then."""

from typing import Annotated

import typer

from orchestrator.cli.context import open_results, print_json, say, settings_of
from orchestrator.cli.options import Json

EPILOG = "Example: dynofarm history device:kitchen,model:bert, or dynofarm history since:90d --threshold 3% --json"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(history)


def history(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(metavar="[CASE]", help="device:…, tag:…, model:…, runtime:…, threads:…, since:…; with commas."),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Smaller changes are not told.", show_default="the board's noise floor"),
    ] = None,
    include_suspect: Annotated[bool, typer.Option("--include-suspect", help="Count runs judged suspect, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show how fast each case was over the stored sweeps, since when it is slower or faster, and what changed then."""
    from orchestrator.asking.sides import runs_of_side
    from orchestrator.comparing import USUAL_THRESHOLD
    from orchestrator.comparing.change_points import FEWEST
    from orchestrator.comparing.history import histories
    from orchestrator.comparing.selectors import Selector, parse_selector
    from orchestrator.comparing.thresholds import parse_share
    from orchestrator.quantities import now_here
    from orchestrator.report.history import histories_table, history_values

    share = parse_share(threshold) if threshold is not None else None
    farm = settings_of(context).find_farm()
    selector = Selector("all runs") if what is None else parse_selector(what, now_here())
    with open_results(farm) as reader:
        runs = runs_of_side(farm, reader, selector)
        floors = reader.noise_floors()
    least = (lambda device: floors.get(device, USUAL_THRESHOLD)) if share is None else (lambda _device: share)
    found = histories(runs, least, include_suspect=include_suspect)
    if as_json:
        print_json([history_values(one) for one in found])
        return
    histories_table(found)
    if not any(one.changes for one in found):
        longest = max((len(one.points) for one in found), default=0)
        known = f"; it takes {2 * FEWEST} sweeps of a case to tell one" if longest < 2 * FEWEST else ""
        say(f"no change that stands out{known}")
