"""`dynofarm table`: the table of a study, for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.completion import model_names, study_formats, sweep_numbers
from orchestrator.cli.context import say, settings_of

EPILOG = "Example: dynofarm table last --teacher bert-base-fp32 --output table.tex"

SweepName = Annotated[
    str, typer.Argument(metavar="SWEEP", help="A number, a name, or last.", autocompletion=sweep_numbers)
]
Teacher = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="What the others are compared with, if not what the sweep's file says.",
        autocompletion=model_names,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="table, markdown, csv, latex, html or json; else as the file's suffix says.",
        autocompletion=study_formats,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
]


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(table)


def table(
    context: typer.Context,
    sweep: SweepName = "last",
    teacher: Teacher = None,
    plain: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=VALUE,…", help="Show, too, how many times as fast a case is as this one of its network."
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="NAME,…", help="These columns alone, in this order.", show_default=False)
    ] = None,
    output_format: Format = None,
    output: Output = None,
) -> None:
    """Print a sweep as the table of a study: a row a case with accuracy, size, speed and memory; then its claims."""
    from orchestrator.cli.studying import read_study, write_text
    from orchestrator.report.study.formats import TABLE, WRITERS, choose_format
    from orchestrator.report.study.table import study_sheet
    from orchestrator.report.words import count_text
    from orchestrator.study import decide
    from orchestrator.study.plain_forms import parse_plain
    from orchestrator.sweep_files.claims import parse_claims

    chosen = choose_format(output_format, output)
    before = parse_plain(plain) if plain is not None else None
    study = read_study(settings_of(context).find_farm(), sweep, teacher)
    rows = study.rows(before)
    wanted = [name.strip() for name in columns.split(",")] if columns is not None else None
    decisions = decide(parse_claims(study.record.sweep.claims), rows)
    sheet = study_sheet(study.title, rows, decisions, wanted, study.notes)
    if chosen != TABLE:
        write_text(WRITERS[chosen](sheet), output, count_text(len(rows), "row"))
        return
    if not rows:
        say(f"{study.title} has no cases yet; next: dynofarm run --resume {study.record.sweep_id}")
        return
    from orchestrator.report.study.terminal import print_sheet

    print_sheet(sheet)
