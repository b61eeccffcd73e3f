"""`dynofarm stop`: ask a running sweep to stop, from anywhere that has its farm."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.completion import running_sweeps
from orchestrator.cli.context import open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import Json
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.records import Sitting, SweepRecord
    from orchestrator.store import Store

EPILOG = """Example: dynofarm stop, or where several sweeps run: dynofarm stop 41; to go on with it later:
dynofarm run --resume 41"""

NOT_WAITING = "not waiting any longer; the sweep stops all the same"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(stop)


def stop(
    context: typer.Context,
    sweep: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP",
            help="A number, a name, or last. Else the one that runs.",
            show_default=False,
            autocompletion=running_sweeps,
        ),
    ] = None,
    wait: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for its end.")] = "2m",
    as_json: Json = False,
) -> None:
    """Ask a running sweep to stop, as Ctrl-C does where it runs, and wait until it has. What is done is kept.

    The request is for those who work at the sweep now: whoever takes it up again later does not hear of it. Exit
    codes: 0 it runs no more, 1 it has not stopped yet.
    """
    from orchestrator.claims import myself
    from orchestrator.cli.stopping import stop_on_signals
    from orchestrator.cli.sweeping import parse_wait_s
    from orchestrator.sittings import wait_until_over

    wait_s = parse_wait_s(wait)
    with open_store(settings_of(context).find_farm()) as store:
        record = _meant(store, sweep)
        if record is None:
            _tell_idle(None, "no sweep runs", as_json=as_json)
            return
        asked = store.sittings.ask(record.sweep_id, myself(), _now())
        if not asked:
            _tell_nobody(store, record, as_json=as_json)
            return
        with stop_on_signals(NOT_WAITING) as given_up:
            say(f"sweep {record.sweep_id} is asked to stop")
            found = wait_until_over(store, asked, wait_s, given_up)
        _conclude(store.sweep(record.sweep_id), found, as_json=as_json)
        if given_up.is_set():
            raise typer.Exit(130)
        if not all(one.over for one in found):
            raise typer.Exit(1)


def _meant(store: "Store", wanted: str | None) -> "SweepRecord | None":
    """The sweep of that name, else the only one that runs; None where none does."""
    if wanted is not None:
        return store.sweep(wanted)
    numbers = sorted({one.sweep_id for one in store.sittings.now()})
    if len(numbers) > 1:
        listed = ", ".join(map(str, numbers))
        raise UsageError(f"several sweeps run: {listed}", f"say which one, for example: dynofarm stop {numbers[-1]}")
    return store.sweep(numbers[0]) if numbers else None


def _tell_nobody(store: "Store", record: "SweepRecord", *, as_json: bool) -> None:
    from orchestrator.report.sittings import idle_text

    _tell_idle(record, idle_text(record.sweep_id, store.sittings.last(record.sweep_id), _now()), as_json=as_json)
    if record.progress.owed:
        say_next(f"to go on with it: dynofarm run --resume {record.sweep_id}")


def _tell_idle(record: "SweepRecord | None", told: str, *, as_json: bool) -> None:
    say(told)
    if as_json:
        print_json(_values(record, (), "not_running"))


def _conclude(record: "SweepRecord", found: "Sequence[Sitting]", *, as_json: bool) -> None:
    from orchestrator.report.sittings import end_text, request_text

    left, now = [one for one in found if not one.over], _now()
    mute = bool(left) and all(one.is_mute(now) for one in left)
    for one in left:
        say(request_text(one, now))
    if mute:
        say_next("look after that process; the request waits for it, and is for no later run")
    elif left:
        say_next(f"to wait on: dynofarm stop {record.sweep_id}")
    else:
        say(end_text(record, found))
        if record.progress.owed:
            say_next(f"to go on with it: dynofarm run --resume {record.sweep_id}")
    if as_json:
        print_json(_values(record, found, "no_answer" if mute else "stopping" if left else "stopped"))


def _values(record: "SweepRecord | None", found: "Sequence[Sitting]", state: str) -> dict[str, Any]:
    from orchestrator.report.sittings import sitting_row

    return {
        "sweep": None if record is None else record.sweep_id,
        "state": state,
        "owed": None if record is None else record.progress.owed,
        "sittings": [sitting_row(one) for one in found],
    }


def _now() -> datetime:
    """In the zone that people read."""
    return datetime.now().astimezone()
