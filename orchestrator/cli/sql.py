"""`dynofarm sql`: read-only SQL for those who want it."""

from typing import Annotated

import typer

from orchestrator.cli.context import print_json, settings_of
from orchestrator.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: dynofarm sql "select device, model, median_ns/1e6 from runs_view order by 3 limit 5"')(
        sql
    )


def sql(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="One SELECT over the documented views.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the documented views and their columns.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask the store in SQL. Nothing can be changed this way."""
    from orchestrator.report.sql import rows_table, views_text
    from orchestrator.store.read_only import run_sql

    if schema:
        views_text()
        return
    if not query:
        raise UsageError("give a query, or --schema", 'dynofarm sql "select * from runs_view limit 5"')
    columns, rows = run_sql(settings_of(context).find_farm().database, query, limit)
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        rows_table(columns, rows)
