"""`dynofarm judge`: judge stored runs again, by today's rules."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.completion import sweep_numbers
from orchestrator.cli.context import open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import Json, Quiet
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.judging import Change, Judged

TELL_EVERY_S = 2.0
"""How often long work says how far it is."""


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm judge --sweep last, or after an upgrade: dynofarm judge --all")(judge)


def judge(
    context: typer.Context,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="SWEEP", help="A number, a name, or last.", show_default="last", autocompletion=sweep_numbers
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every sweep there is.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Judge stored runs again, by the rules of this version, and say whose verdict changed. Nothing is measured.

    Every run is judged when it is stored, and with its neighbours at the end of its sweep: this is for runs of an
    older dynofarm, and for sweeps that were cut short.
    """
    from orchestrator.judging import judge_again
    from orchestrator.report.words import count_text

    if every and sweep is not None:
        raise UsageError("--all and --sweep contradict each other", "give one of them")
    with open_store(settings_of(context).find_farm()) as store:
        if every:
            ids = [record.sweep_id for record in store.sweeps()]
        elif sweep is None and not store.sweeps():
            ids = []
        else:
            ids = [store.sweep(sweep or "last").sweep_id]
        judged = [judge_again(store, one, _teller(one, quiet=quiet)) for one in ids]
    changes = [change for one in judged for change in one.changes]
    if as_json:
        print_json([_values(one) for one in judged])
        return
    runs = sum(one.runs for one in judged)
    if runs == 0:
        say("there is no measured run to judge; next: dynofarm run MODEL --on BOARD")
        return
    if changes:
        _show(changes)
    say(f"{count_text(runs, 'run')} judged, {count_text(len(changes), 'verdict')} changed")
    rewritten = sum(one.rewritten for one in judged) - len(changes)
    if rewritten > 0:
        say(f"{count_text(rewritten, 'more run')} with other reasons or figures, and the same verdict")
    if changes:
        say_next(f"dynofarm show {changes[0].job_id[:8]}")


def _teller(sweep_id: int, *, quiet: bool) -> Callable[[int], None]:
    """Says now and then how many runs of the sweep are judged."""
    told_at = time.monotonic()

    def tell(runs: int) -> None:
        nonlocal told_at
        if not quiet and time.monotonic() - told_at >= TELL_EVERY_S:
            told_at = time.monotonic()
            say(f"sweep {sweep_id}: {runs} runs judged so far")

    return tell


def _show(changes: "Sequence[Change]") -> None:
    from orchestrator.report.console import cell, new_table, report_console
    from orchestrator.trust.reasons import grave

    table = new_table(("run", "device", "model", "was", "is", "because of"))
    for change in changes:
        was = "not judged" if change.before is None else str(change.before)
        because = ", ".join(grave(" ".join(change.reasons)))
        who = (change.job_id[:8], change.device, change.model)
        table.add_row(*map(cell, (*who, was, str(change.after), because)))
    report_console().print(table)


def _values(judged: "Judged") -> dict[str, Any]:
    return {
        "sweep": judged.sweep_id,
        "runs": judged.runs,
        "rewritten": judged.rewritten,
        "changed": [
            {
                "run": change.job_id,
                "attempt": change.attempt,
                "device": change.device,
                "model": change.model,
                "was": None if change.before is None else str(change.before),
                "is": str(change.after),
                "reasons": list(change.reasons),
            }
            for change in judged.changes
        ],
    }
