"""`dynofarm waterfall`: what each step gained, from a plain runtime to a smaller network."""

from typing import Annotated

import typer

from orchestrator.cli.context import say, settings_of
from orchestrator.cli.table import Format, Output, SweepName

EPILOG = (
    "Example: dynofarm waterfall last --step 'plain: model=bert-fp32,delegate=none' --step 'XNNPACK: delegate=xnnpack'"
    " --output steps.svg"
)
SVG = "svg"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(waterfall)


def waterfall(
    context: typer.Context,
    sweep: SweepName = "last",
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME: KEY=VALUE,…",
            help="The cases to go through, one option a step; each keeps what the one before it said.",
        ),
    ] = None,
    output_format: Format = None,
    output: Output = None,
) -> None:
    """Print how many times as fast each step made a network: delegate, runtime version, precision, architecture.

    The formats are those of `table`, and svg; html has the picture in it.
    """
    from orchestrator.cli.studying import read_study, write_text
    from orchestrator.report.study.formats import TABLE, WRITERS, choose_format
    from orchestrator.report.study.html import to_html
    from orchestrator.report.study.waterfall import waterfall_sheet
    from orchestrator.report.study.waterfall_svg import waterfalls_svg
    from orchestrator.report.words import count_text
    from orchestrator.study.chains import named_chains, parse_step, usual_chains
    from orchestrator.study.waterfall import waterfalls

    chosen = choose_format(output_format, output, (SVG,))
    choices = [parse_step(text) for text in step or ()]
    study = read_study(settings_of(context).find_farm(), sweep)
    chains = named_chains(study.cases, choices) if choices else usual_chains(study.cases, study.artifacts)
    found = waterfalls(chains)
    if not found:
        say(
            f"{study.title} has no two measured cases that one step leads between;"
            " next: name them with --step, or measure more delegates, versions or models"
        )
        return
    sheet = waterfall_sheet(f"Waterfall of {study.title}", found)
    if chosen == TABLE:
        from orchestrator.report.study.terminal import print_sheet

        print_sheet(sheet)
        return
    if chosen == SVG:
        text = waterfalls_svg(sheet.title, found)
    elif chosen == "html":
        text = to_html(sheet, waterfalls_svg(sheet.title, found))
    else:
        text = WRITERS[chosen](sheet)
    write_text(text, output, count_text(len(found), "waterfall"))
