"""`dynofarm show`: one run, whole."""

from typing import Annotated

import typer

from orchestrator.cli.context import open_store, print_json, settings_of


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm show 3f9a")(show)


def show(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id or its beginning, as `results --each-run` prints it.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every latency and sample included.")] = False,
) -> None:
    """Show one run: latencies, memory, conditions before and after, samples, the board, what went wrong."""
    from orchestrator.report.run_page import run_page, run_values

    with open_store(settings_of(context).find_farm()) as store:
        stored = store.run(run)
    if as_json:
        print_json(run_values(stored))
    else:
        run_page(stored)
