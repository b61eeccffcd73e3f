"""`dynofarm claims`: whether the claims of a sweep hold."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import print_json, say, settings_of
from orchestrator.cli.options import Json
from orchestrator.cli.table import SweepName, Teacher

EPILOG = "Example: dynofarm claims last sweeps/tweets.yaml --enforce"

GATE_FAILED = 3


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(claims)


def claims(
    context: typer.Context,
    sweep: SweepName = "last",
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A sweep file, whose claims and teacher go before the stored ones."),
    ] = None,
    teacher: Teacher = None,
    enforce: Annotated[
        bool, typer.Option("--enforce", help="End with status 3 when a claim fails or is undecided.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide the claims of a sweep on confidence bounds: holds, fails, or undecided and what would decide it."""
    from orchestrator.cli.studying import read_study
    from orchestrator.report.study.claims import claims_table, claims_values
    from orchestrator.study import Outcome, decide
    from orchestrator.sweep_files import load_sweep
    from orchestrator.sweep_files.claims import parse_claims

    asked = load_sweep(file) if file is not None else None
    named = teacher if teacher is not None or asked is None else asked.teacher
    study = read_study(settings_of(context).find_farm(), sweep, named)
    texts = study.record.sweep.claims if asked is None else asked.claims
    decisions = decide(parse_claims(texts), study.rows())
    if as_json:
        print_json(claims_values(decisions))
    elif decisions:
        claims_table(decisions)
    if not decisions:
        say(f"{study.title} makes no claims; next: write claims: into its file, dynofarm claims {sweep} FILE")
    elif enforce and any(one.outcome is not Outcome.HOLDS for one in decisions):
        raise typer.Exit(GATE_FAILED)
