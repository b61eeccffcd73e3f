"""`dynofarm results`: query what is stored."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import device_names, model_names
from orchestrator.cli.context import open_store, say, settings_of

if TYPE_CHECKING:
    from orchestrator.runs import RunStatus

EPILOG = """Example: dynofarm results --device kitchen --model 'mobilebert*' --since 7d --sort p50 --format csv"""


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
    sweep: Annotated[str | None, typer.Option(metavar="SWEEP", help="A number, a name, or last.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="7d, 2h, 2026-11-21.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="7d, 2h, 2026-11-21.")] = None,
    every_attempt: Annotated[bool, typer.Option("--every-attempt", help="Also attempts that were replaced.")] = False,
    each_run: Annotated[bool, typer.Option("--each-run", help="A row a run, not a row a case.")] = False,
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="p50, p90, started, device, model, …; -p50 for descending.")
    ] = "started",
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many runs.")] = None,
    output_format: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="table, csv, json, jsonl, parquet or markdown.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Not standard output.")] = None,
) -> None:
    """Show stored runs: a table of cases on the terminal, a row a run in files."""
    from orchestrator.quantities import parse_since
    from orchestrator.records import RunFilter
    from orchestrator.report.results import results_table, write_results

    now = datetime.now(UTC)
    chosen = RunFilter(
        devices=tuple(device or ()),
        models=tuple(model or ()),
        runtimes=tuple(runtime or ()),
        versions=tuple(version or ()),
        threads=_numbers(threads),
        delegates=tuple(delegate or ()),
        statuses=_statuses(status or []),
        sweep=int(sweep) if sweep is not None and sweep.isdigit() else sweep,
        since=parse_since(since, now) if since else None,
        until=parse_since(until, now) if until else None,
        every_attempt=every_attempt,
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        limit=limit,
    )
    with open_store(settings_of(context).find_farm()) as store:
        runs = store.runs(chosen)
    if as_json:
        output_format = "json"
    if output_format == "table" and output is None:
        if runs:
            results_table(runs, each_run=each_run, keep_order=sort != "started")
        else:
            say("no stored run matches; next: dynofarm sweeps")
    else:
        write_results(runs, output_format, output)


def _numbers(text: str | None) -> tuple[int, ...]:
    from orchestrator.errors import UsageError

    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"--threads {text}: expected numbers", "for example --threads 1,4") from None


def _statuses(texts: list[str]) -> "tuple[RunStatus, ...]":
    from orchestrator.errors import UsageError
    from orchestrator.runs import RunStatus

    words = [word.strip() for text in texts for word in text.split(",")]
    unknown = [word for word in words if word not in list(RunStatus)]
    if unknown:
        raise UsageError(f"--status {unknown[0]}: no such status", f"there are: {', '.join(RunStatus)}")
    return tuple(RunStatus(word) for word in words)
