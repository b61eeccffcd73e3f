"""`dynofarm export`: runs, latencies and samples for other programs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import export_formats, tables
from orchestrator.cli.context import open_results, say, settings_of

if TYPE_CHECKING:
    from orchestrator.export.columns import Batch

EPILOG = "Example: dynofarm export latencies -o latencies.parquet --where model=bert*,device=kitchen,since=7d"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(export)


def export(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="TABLE", help="runs, latencies or samples.", autocompletion=tables)
    ] = "runs",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="parquet or arrow; else as the file's suffix says.",
            autocompletion=export_formats,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="WORD=VALUE,…", help="Which runs, in the words of results: model=bert*,since=7d,role=all."
        ),
    ] = None,
) -> None:
    """Write runs, or every latency or sample of them, as Parquet or Arrow: a row a run, an inference or a reading."""
    from orchestrator.asking.where import parse_where
    from orchestrator.export.columns import TABLES
    from orchestrator.export.files import BINARY, write_file
    from orchestrator.report.files import check_parquet_goes_to_a_file, write_parts
    from orchestrator.report.words import count_text

    chosen = _format(output_format, output, BINARY)
    check_parquet_goes_to_a_file(chosen, output)
    if what not in TABLES:
        from orchestrator.errors import UsageError

        raise UsageError(f"there is no table {what!r} to export", f"there are: {', '.join(TABLES)}")
    wanted = parse_where(where)
    rows = 0

    def counted(batches: "Iterable[Batch]") -> "Iterator[Batch]":
        nonlocal rows
        for batch in batches:
            rows += sum(block.rows for block in batch)
            yield batch

    with open_results(settings_of(context).find_farm()) as reader:
        table = TABLES[what]
        batches = table.batches(reader.each_of(what, wanted))
        write_parts(write_file(table.columns(), counted(batches), chosen), output)
    if output is not None:
        say(f"{count_text(rows, 'row')} of {what} written to {output}")


def _format(wanted: str | None, output: Path | None, known: tuple[str, ...]) -> str:
    """What to write; where --format does not say it, the file's suffix does."""
    from orchestrator.errors import UsageError

    if wanted is not None and wanted not in known:
        raise UsageError(
            f"--format {wanted}: no such format",
            f"there are: {', '.join(known)}; rows of runs as text: dynofarm results",
        )
    if wanted is not None or output is None:
        return wanted or known[0]
    suffix = output.suffix.lower().removeprefix(".")
    found = {"feather": "arrow", "ipc": "arrow"}.get(suffix, suffix)
    if found not in known:
        raise UsageError(f"--output {output}: which format?", f"add --format; there are: {', '.join(known)}")
    return found
