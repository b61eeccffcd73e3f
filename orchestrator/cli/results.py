"""`dynofarm results`: query what is stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import device_names, formats, model_names, roles, sweep_numbers, verdicts
from orchestrator.cli.context import open_results, say, settings_of
from orchestrator.cli.options import MOST_LINES

if TYPE_CHECKING:
    from orchestrator.records import RunFilter, RunSummary
    from orchestrator.store.reading import Reader

EPILOG = "Example: dynofarm results --device kitchen --model 'mobilebert*' --since 7d --sort p50 --format csv"

NARROW = "narrow with --device, --model, --sweep, --since …, or have all: --format csv"
MOST_ROWS = 1000
"""Runs in a table of runs, where --limit does not say otherwise."""


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(results)


def results(
    context: typer.Context,
    device: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Again for more.", autocompletion=device_names)
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Again for more.", autocompletion=model_names)
    ] = None,
    runtime: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Again for more.")] = None,
    version: Annotated[
        list[str] | None, typer.Option("--runtime-version", metavar="PATTERN", help="Again for more.")
    ] = None,
    threads: Annotated[str | None, typer.Option(metavar="N,…", help="For example 1,4.")] = None,
    delegate: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Again for more.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(metavar="STATUS", help="ok, crashed, skipped, …; again for more.")
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE",
            help="case, reference (model), energy (the power read), profile (of operators), task (on data), or all.",
            autocompletion=roles,
        ),
    ] = "case",
    verdict: Annotated[
        list[str] | None,
        typer.Option(metavar="VERDICT", help="trusted, suspect, invalid; again for more.", autocompletion=verdicts),
    ] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="SWEEP", help="A number, a name, or last.", autocompletion=sweep_numbers)
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="7d, 2h, 2026-11-21.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="7d, 2h, 2026-11-21.")] = None,
    every_attempt: Annotated[bool, typer.Option("--every-attempt", help="Also attempts that were replaced.")] = False,
    each_run: Annotated[bool, typer.Option("--each-run", help="A row a run, not a row a case.")] = False,
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="p50, p90, started, device, model, …; -p50 for descending.")
    ] = "started",
    limit: Annotated[int | None, typer.Option(min=1, max=MOST_LINES, metavar="N", help="At most so many runs.")] = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="table, csv, json, jsonl, parquet, arrow or markdown.",
            autocompletion=formats,
        ),
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
) -> None:
    """Show stored runs: a table of cases for people (table, markdown), a row a run for programs."""
    from orchestrator.asking.runs import run_filter

    output_format = _format(output_format, output, as_json=as_json)
    chosen = run_filter(
        device=device or (),
        model=model or (),
        runtime=runtime or (),
        version=version or (),
        threads=threads,
        delegate=delegate or (),
        status=status or (),
        role=role,
        verdict=verdict or (),
        sweep=sweep,
        since=since,
        until=until,
        every_attempt=every_attempt,
        sort=sort,
        limit=limit,
    )
    shape = _Shape(each_run, sort != "started", role == "case" and not each_run)
    with open_results(settings_of(context).find_farm()) as reader:
        if output_format == "table":
            _show(reader, chosen, shape)
        elif output_format == "markdown":
            _write_markdown(reader, chosen, shape, output)
        else:
            _export(reader, chosen, output_format, output)


@dataclass(frozen=True)
class _Shape:
    """How the table looks: a row a run or a case, in the order of the runs or its own, with the energy of cases."""

    each_run: bool
    keep_order: bool
    with_energy: bool


def _show(reader: "Reader", chosen: "RunFilter", shape: _Shape) -> None:
    from orchestrator.records import RunFilter

    runs, notes = _people_read(reader, chosen, shape)
    if runs:
        from orchestrator.report.results import results_table

        energy = _energy_runs(reader, chosen) if shape.with_energy else []
        results_table(runs, each_run=shape.each_run, keep_order=shape.keep_order, energy=energy, notes=notes)
        return
    narrowed = chosen != replace(RunFilter(), sort=chosen.sort, descending=chosen.descending)
    say(
        "no stored run matches; next: leave a filter out, or see dynofarm sweeps"
        if narrowed
        else "nothing was measured yet; next: dynofarm run MODEL --on BOARD"
    )


def _write_markdown(reader: "Reader", chosen: "RunFilter", shape: _Shape, output: Path | None) -> None:
    from orchestrator.report.files import write_parts
    from orchestrator.report.results import markdown_table
    from orchestrator.report.words import count_text

    runs, notes = _people_read(reader, chosen, shape)
    energy = _energy_runs(reader, chosen) if shape.with_energy else []
    text = markdown_table(runs, each_run=shape.each_run, keep_order=shape.keep_order, energy=energy, notes=notes)
    write_parts([text.encode("utf-8", "backslashreplace")], output)
    if output is not None:
        say(f"{count_text(len(runs), 'run')} written to {output}")


def _export(reader: "Reader", chosen: "RunFilter", output_format: str, output: Path | None) -> None:
    """Every run that matches, whatever their number."""
    from orchestrator.export import export_parts
    from orchestrator.report.files import check_parquet_goes_to_a_file, write_parts
    from orchestrator.report.words import count_text

    check_parquet_goes_to_a_file(output_format, output)
    written = 0

    def counted() -> "Iterator[RunSummary]":
        nonlocal written
        for run in reader.each_run(chosen):
            written += 1
            yield run

    write_parts(export_parts(counted(), output_format), output)
    if output is not None:
        say(f"{count_text(written, 'run')} written to {output}")


def _people_read(reader: "Reader", chosen: "RunFilter", shape: _Shape) -> "tuple[Sequence[RunSummary], list[str]]":
    """The runs for a table, and what it leaves out of all that match: nobody reads a hundred thousand."""
    if chosen.limit is not None:
        return list(reader.each_run(chosen)), []
    if shape.each_run:
        runs = reader.newest_runs(chosen, MOST_ROWS)
        left_out = len(runs) == MOST_ROWS and (all_runs := reader.count_runs(chosen)) > MOST_ROWS
        first = "first" if shape.keep_order else "newest"
        return runs, [f"the {first} {MOST_ROWS:,} of {all_runs:,} runs; {NARROW}"] if left_out else []
    excerpt = reader.first_cases(chosen)
    notes = []
    if excerpt.cases < excerpt.all_cases:
        which = "that come first" if shape.keep_order else "that ran last"
        notes.append(f"the {excerpt.cases:,} cases {which} of {excerpt.all_cases:,}; {NARROW}")
    if excerpt.of_newest:
        notes.append(f"of each case the newest {excerpt.each:,} runs at most; {NARROW}")
    return excerpt.runs, notes


def _energy_runs(reader: "Reader", chosen: "RunFilter") -> "list[RunSummary]":
    """The runs of the same cases with the power read: the newest, whatever narrowed the cases by their outcome."""
    from orchestrator.runs import Role, RunStatus

    wanted = replace(chosen, roles=(Role.ENERGY,), statuses=(RunStatus.OK,), verdicts=())
    return reader.newest_runs(replace(wanted, sort="started", descending=False, limit=None), MOST_ROWS)


def _format(wanted: str, output: Path | None, *, as_json: bool) -> str:
    """What to write; with --output the file's suffix says it where --format does not."""
    if wanted == "table" and output is None and not as_json:
        return wanted
    from orchestrator.errors import UsageError
    from orchestrator.export import FORMATS

    if wanted not in ("table", *FORMATS):
        raise UsageError(f"--format {wanted}: no such format", f"there are: table, {', '.join(FORMATS)}")
    if as_json and wanted not in ("table", "json"):
        raise UsageError(f"--json and --format {wanted} contradict each other", "give one of them")
    if as_json:
        return "json"
    if output is None or wanted != "table":
        return wanted
    suffixes = {f".{name}": name for name in FORMATS} | {".md": "markdown"}
    if output.suffix not in suffixes:
        raise UsageError(f"--output {output}: which format?", f"add --format; there are: {', '.join(FORMATS)}")
    return suffixes[output.suffix]
