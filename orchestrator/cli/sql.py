"""`dynofarm sql`: read-only SQL for those who want it."""

from collections import Counter
from collections.abc import Sequence
from math import isfinite
from typing import Annotated, Any

import typer

from orchestrator.cli.context import print_json, say, settings_of
from orchestrator.cli.options import MOST_LINES, Json
from orchestrator.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: dynofarm sql "select device, model, median_ns/1e6 from runs_view order by 3 limit 5"')(
        sql
    )


def sql(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="One SELECT over the documented views.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the documented views and their columns.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, metavar="N", help="At most so many rows.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Ask the store in SQL. Nothing can be changed this way."""
    from orchestrator.report.sql import rows_table, views_text, views_values
    from orchestrator.report.words import count_text
    from orchestrator.store.read_only import run_sql

    if schema:
        if as_json:
            print_json(views_values())
        else:
            views_text()
        return
    if not query:
        raise UsageError("give a query, or --schema", 'dynofarm sql "select * from runs_view limit 5"')
    # One more than is shown tells whether there is more.
    columns, rows = run_sql(settings_of(context).find_farm().database, query, limit + 1)
    shown = rows[:limit]
    if as_json:
        _check_names(columns)
        print_json([dict(zip(columns, map(_plain, row), strict=True)) for row in shown])
    else:
        rows_table(columns, shown)
    if len(rows) > limit:
        say(f"only the first {count_text(limit, 'row')}; next: --limit {10 * limit}")


def _check_names(columns: Sequence[str]) -> None:
    """An object has each key once, so that of two columns of one name the first would be lost."""
    name, count = Counter(columns).most_common(1)[0]
    if count > 1:
        raise UsageError(f"{count} columns are called {name}; JSON has each name once", "name them: SELECT … AS …")


def _plain(value: Any) -> Any:
    """JSON has no bytes: in hexadecimal, as SQLite's own shell writes them. Nor has it infinity, which becomes null."""
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and not isfinite(value) else value
