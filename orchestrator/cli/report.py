"""`dynofarm report`: a sweep as one page that opens anywhere."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.completion import report_formats, sweep_numbers
from orchestrator.cli.context import open_store, say, settings_of
from orchestrator.errors import UsageError

EPILOG = "Example: dynofarm report last --output report.html"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(report)


def report(
    context: typer.Context,
    sweep: Annotated[
        str, typer.Argument(metavar="SWEEP", help="A number, a name, or last.", autocompletion=sweep_numbers)
    ] = "last",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="html, markdown, csv, parquet or latex; else as the file's suffix says, or html.",
            autocompletion=report_formats,
        ),
    ] = None,
) -> None:
    """Write a sweep as a page: what won, what is not to be trusted, charts, conditions, and how to repeat it.

    The HTML file holds everything and loads nothing: it opens from a USB stick.
    """
    from datetime import UTC, datetime

    from orchestrator.pages.formats import DETAILED, FORMATS, HTML, choose_format
    from orchestrator.pages.reading import read_sweep
    from orchestrator.report.files import check_parquet_goes_to_a_file, write_parts
    from orchestrator.report.words import bytes_text

    chosen = choose_format(output_format, output)
    check_parquet_goes_to_a_file(chosen, output)
    if chosen == HTML and output is None and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a page is not for the terminal", f"dynofarm report {sweep} --output report.html")
    with open_store(settings_of(context).find_farm()) as store:
        facts = read_sweep(store, sweep, detail=chosen in DETAILED)
    write_parts(FORMATS[chosen](facts, datetime.now(UTC)), output)
    if output is not None:
        record, size = facts.record, bytes_text(output.stat().st_size)
        say(f"{record.name} (sweep {record.sweep_id}) written to {output}, {size}")
