"""`dynofarm compare`: which of two sides is faster, case by case, and whether that is real."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import load_devices, open_results, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import Quiet, Wait
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.asking.sides import Question
    from orchestrator.comparing.verdicts import Compared, FailOn
    from orchestrator.farm import Farm

EPILOG = """Example: dynofarm compare 41 42, or dynofarm compare nightly --by runtime litert@2.2.0 litert@2.3.0; in a
pipeline: dynofarm compare main last --fail-on regression --threshold 5% --format junit -o compare.xml"""

GATE_FAILED = 3
STOPPED = 130
NOTHING_COMPARED = 2
FORMATS = ("table", "json", "markdown", "junit", "csv")


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(compare)


def compare(
    context: typer.Context,
    sides: Annotated[
        list[str],
        typer.Argument(
            metavar="[SWEEP] A [B]",
            help="Sweeps, baselines, days, device:…, tag:…, model:…, runtime:…, threads:…, delegate:…, since:…, "
            "until:…; several with commas. B is the last sweep where A is a baseline.",
        ),
    ],
    by: Annotated[
        str | None,
        typer.Option(metavar="AXIS", help="A and B are values of it: model, runtime, device, threads, delegate."),
    ] = None,
    across: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Compare although this differs: version, governor, …; again for more."),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="What counts as the same: 5%.", show_default="the board's noise floor"),
    ] = None,
    include_suspect: Annotated[bool, typer.Option("--include-suspect", help="Count runs judged suspect, too.")] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(metavar="WHAT,…", help="Exit with 3 on: regression, slower, inconclusive."),
    ] = None,
    replicate: Annotated[
        str | None,
        typer.Option(metavar="until-decided", help="Measure undecided cases on, both sides in interleaved blocks."),
    ] = None,
    budget: Annotated[str, typer.Option(metavar="DURATION", help="With --replicate: for so long at most.")] = "20m",
    wait: Wait = "2m",
    quiet: Quiet = False,
    output_format: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="table, json, markdown, junit or csv.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
) -> None:
    """Compare two sides case by case: faster, slower, the same, or how many more runs it takes.

    Nothing is measured, unless with --replicate.
    """
    from orchestrator.asking.sides import ask
    from orchestrator.comparing.thresholds import parse_share

    output_format = _format(output_format, output, as_json=as_json)
    gate = _gate(fail_on)
    share = parse_share(threshold) if threshold is not None else None
    budget_s = _budget_s(replicate, budget)
    farm = settings_of(context).find_farm()
    with open_results(farm) as reader:
        question = ask(farm, reader, sides, by=by, across=across or [], share=share, include_suspect=include_suspect)
    interrupted = False
    if budget_s is None:
        compared = question.answer()
    else:
        _check_place(output)
        quiet = quiet or output_format != "table"
        compared, interrupted = _measure_on(farm, question, budget_s, wait, quiet=quiet)
    _show(compared, gate, output_format, output)
    status = _conclude(compared, gate)
    raise typer.Exit(STOPPED if interrupted else status)


def _budget_s(replicate: str | None, budget: str) -> float | None:
    """Seconds for further runs; None where there are to be none."""
    from orchestrator.quantities import parse_duration_s

    if replicate is None:
        return None
    if replicate != "until-decided":
        raise UsageError(f"--replicate {replicate}: there is no such way", "--replicate until-decided --budget 20m")
    try:
        return parse_duration_s(budget)
    except UsageError as error:
        raise UsageError(f"--budget: {error.message}", error.hint) from None


def _check_place(output: Path | None) -> None:
    """Before minutes of measuring, whose answer would be lost."""
    if output is not None and (output.is_dir() or not output.absolute().parent.is_dir()):
        raise UsageError(f"{output}: cannot be written: there is no such folder, or it is one", "name another file")


def _measure_on(
    farm: "Farm", question: "Question", budget_s: float, wait: str, *, quiet: bool
) -> "tuple[Compared, bool]":
    """The comparison after further runs, and whether the user stopped them."""
    from orchestrator.cli import replicating
    from orchestrator.cli.sweeping import parse_wait_s
    from orchestrator.comparing.replicating import LOOK_CONFIDENCE

    wait_s = parse_wait_s(wait)
    devices = load_devices(farm)
    with open_store(farm) as store:
        compared, done = replicating.measure_on(
            farm,
            store,
            devices,
            question.sides,
            lambda sides: question.answer(sides, confidence=LOOK_CONFIDENCE),
            budget_s=budget_s,
            wait_s=wait_s,
            quiet=quiet,
        )
    replicating.conclude(done)
    return compared, done.interrupted


def _format(wanted: str, output: Path | None, *, as_json: bool) -> str:
    if as_json and wanted not in ("table", "json"):
        raise UsageError(f"--json and --format {wanted} contradict each other", "give one of them")
    wanted = "json" if as_json else wanted
    if wanted not in FORMATS:
        raise UsageError(f"--format {wanted}: there is no such format", f"there are: {', '.join(FORMATS)}")
    if wanted == "table" and output is not None:
        raise UsageError("a table is for the terminal", f"--format markdown --output {output}")
    return wanted


def _gate(text: str | None) -> "list[FailOn]":
    from orchestrator.comparing.verdicts import FailOn

    found = []
    for word in text.split(",") if text is not None else []:
        if word.strip() not in list(FailOn):
            raise UsageError(f"--fail-on {word.strip()}: there is no such thing", f"there are: {', '.join(FailOn)}")
        found.append(FailOn(word.strip()))
    return found


def _show(compared: "Compared", gate: "Collection[FailOn]", output_format: str, output: Path | None) -> None:
    from orchestrator.report.comparison import comparison_table, summary_text
    from orchestrator.report.comparison_files import FORMATS as TEXTS
    from orchestrator.report.comparison_files import comparison_values
    from orchestrator.report.files import write_parts

    if output_format == "table":
        comparison_table(compared)
        return
    if output_format == "json" and output is None:
        print_json(comparison_values(compared, gate))
        return
    if output_format == "json":
        import json

        text = json.dumps(comparison_values(compared, gate), indent=2) + "\n"
    else:
        text = TEXTS[output_format](compared, gate)
    write_parts([text.encode("utf-8", "backslashreplace")], output)
    say(f"{summary_text(compared)}{f'; written to {output}' if output else ''}")


def _conclude(compared: "Compared", gate: "Collection[FailOn]") -> int:
    from orchestrator.comparing.verdicts import failing
    from orchestrator.report.comparison import passed_text, refused_fields

    faults = failing(compared, gate) if gate else []
    for fault in faults:
        say(f"gate: {fault}")
    if gate and not faults and passed_text(compared):
        say(f"gate: passed, with {passed_text(compared)}")
    if not compared.cases:
        say("no case can be compared")
        fields = refused_fields(compared.unpaired)
        if fields:
            say_next(f"the sides differ in {', '.join(fields)}; if that is meant: --across {fields[0]}")
    if faults:
        return GATE_FAILED
    return 0 if compared.cases else NOTHING_COMPARED
