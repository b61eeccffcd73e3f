"""`dynofarm best`: which model fits these boards, and is best there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.completion import board_selectors, model_names, objectives, sweep_numbers
from orchestrator.cli.context import open_store, print_json, say, say_next, settings_of

if TYPE_CHECKING:
    from orchestrator.choosing.asking import Answer

EPILOG = (
    "Example: dynofarm best --on kitchen --max-p90 50ms --max-rss 200MB --min-accuracy 0.74 --objective energy."
    " Exit code 3 when nothing fits."
)
NOTHING_FITS = 3


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(best)


def _limit(example: str, what: str) -> Any:
    return typer.Option(metavar=example, help=what)


def best(
    context: typer.Context,
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BOARD,…",
            help="Names, patterns, tag:…, arch:…, all: it must hold on each, and the worst counts.",
            show_default="every board with results",
            autocompletion=board_selectors,
        ),
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            metavar="WHAT", help="latency (p50), size, memory, accuracy or energy.", autocompletion=objectives
        ),
    ] = "latency",
    max_p50: Annotated[str | None, _limit("50ms", "At most this median latency.")] = None,
    max_p90: Annotated[str | None, _limit("50ms", "At most this 90th percentile.")] = None,
    max_p99: Annotated[str | None, _limit("80ms", "At most this 99th percentile.")] = None,
    min_items_per_s: Annotated[str | None, _limit("20", "At least so many inferences a second.")] = None,
    max_rss: Annotated[str | None, _limit("200MB", "At most this peak memory of the process.")] = None,
    max_size: Annotated[str | None, _limit("20MB", "At most this size of the file.")] = None,
    max_energy: Annotated[str | None, _limit("5mJ", "At most this energy of an inference.")] = None,
    min_accuracy: Annotated[str | None, _limit("0.74", "At least this accuracy: 0.74 or 74%.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA[/SPLIT]", help="Accuracy on this data set, where there are several.")
    ] = None,
    scope: Annotated[
        str, typer.Option(metavar="SCOPE", help="Times of the model alone (model), or end_to_end.")
    ] = "model",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Among these; again for more.", autocompletion=model_names),
    ] = None,
    runtime: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Among these; again for more.")] = None,
    threads: Annotated[str | None, typer.Option(metavar="N,…", help="Among these.")] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="SWEEP", help="What this sweep measured alone.", autocompletion=sweep_numbers)
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="What was measured since: 7d, 2026-11-21.")] = None,
    include_suspect: Annotated[bool, typer.Option("--include-suspect", help="Count runs judged suspect, too.")] = False,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="table, markdown, csv, latex, html or json.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
) -> None:
    """Choose a model and how to run it: what holds every limit, what of that is best, why the others fell out.

    Nothing is measured: of each case the newest sweep that measured it counts.
    """
    from orchestrator.asking.runs import run_filter
    from orchestrator.choosing.asking import Wish, answer

    chosen = _format(output_format, output, as_json=as_json)
    limits = {
        "max_p50": max_p50, "max_p90": max_p90, "max_p99": max_p99, "max_rss": max_rss, "max_size": max_size,
        "max_energy": max_energy, "min_accuracy": min_accuracy, "min_items_per_s": min_items_per_s,
    }  # fmt: skip
    wanted = run_filter(model=model or (), runtime=runtime or (), threads=threads, sweep=sweep, since=since)
    farm = settings_of(context).find_farm()
    wish = Wish(on or (), limits, objective, scope, data, include_suspect, wanted)
    with open_store(farm) as store:
        found = answer(farm, store, wish)
    _show(found, chosen, output)
    if found.choice.winners is None:
        raise typer.Exit(NOTHING_FITS)


def _format(wanted: str | None, output: Path | None, *, as_json: bool) -> str:
    from orchestrator.errors import UsageError
    from orchestrator.report.study.formats import choose_format

    if as_json and wanted not in (None, "json"):
        raise UsageError(f"--json and --format {wanted} contradict each other", "give one of them")
    return choose_format("json" if as_json else wanted, output)


def _show(found: "Answer", chosen: str, output: Path | None) -> None:
    from orchestrator.cli.studying import write_text
    from orchestrator.report.best import best_sheet, best_values, boards_sheet, print_best
    from orchestrator.report.best_words import headline
    from orchestrator.report.study.formats import TABLE, WRITERS
    from orchestrator.report.words import count_text

    if chosen == TABLE:
        from orchestrator.report.output import print_text
        from orchestrator.report.study.terminal import print_sheet

        print_best(found, print_sheet, lambda line: print_text(f"{line}\n"))
    elif chosen == "json" and output is None:
        print_json(best_values(found))
    elif chosen == "json":
        import json

        write_text(json.dumps(best_values(found), indent=2) + "\n", output, "the choice")
    elif chosen == "csv":
        sheet = boards_sheet(found)
        write_text(WRITERS[chosen](sheet), output, count_text(len(sheet.rows), "row"))
    else:
        text = WRITERS[chosen](best_sheet(found))
        if len(found.choice.boards) > 1 and chosen == "markdown":
            text += "\n" + WRITERS[chosen](boards_sheet(found))
        write_text(text, output, "the choice")
    if found.choice.winners is None and (chosen != TABLE or output is not None):
        for line in headline(found):
            say(line)
    _advise(found)


def _advise(found: "Answer") -> None:
    """What would bring an answer where there is none."""
    choice = found.choice
    if choice.winners is not None:
        return
    boards = ",".join(choice.boards)
    if choice.undecided:
        one = choice.undecided[0].candidate
        say_next(
            f"measure on what is undecided: dynofarm run {one.model} --on {boards} --threads {one.threads} --repeats N"
        )
    elif choice.unmeasured or choice.feasible:
        say_next("measure what is missing (--energy reads the power, --task DATA asks for answers): dynofarm run …")
    else:
        say_next("loosen the limit that is missed least, or build a smaller form: dynofarm model build --help")
