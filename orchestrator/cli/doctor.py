"""`dynofarm doctor`: what on a board will spoil measurements, and the command that mends it."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import board_selectors
from orchestrator.cli.context import load_devices, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import BoardsOrAll, Json, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.devices import Device
    from orchestrator.farm import Farm
    from orchestrator.store import Store
    from orchestrator.visits.examining import Examination

EPILOG = "Example: dynofarm doctor kitchen, or dynofarm doctor --on tag:arm64 --seconds 10 --json"
STOPPED, UNREACHED, SPOILT = 130, 4, 1


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(doctor)


def doctor(
    context: typer.Context,
    boards: BoardsOrAll = None,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="BOARD,…", help="The same as an option.", autocompletion=board_selectors),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=60, metavar="S", help="How long to watch what else the board does.")
    ] = 3.0,
    wait: Wait = "0",
    as_json: Json = False,
) -> None:
    """Say what on a board will spoil measurements, the worst first, each with the command that mends it.

    Nothing is changed on the board. Exit code 1: something spoils; 4: a board was not reached.
    """
    from orchestrator.cli.sweeping import parse_wait_s
    from orchestrator.report.doctor import examination_values, examinations_page

    wait_s = parse_wait_s(wait)
    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    with open_store(farm, create=True) as store:
        wanted = [*(boards or []), *(on or [])] or ["all"]
        found, stopped = _examine(farm, store, devices, wanted, seconds, wait_s, quiet=as_json)
    if as_json:
        print_json([examination_values(one) for one in found])
    else:
        examinations_page(found)
        for one in found:
            if one.error is not None:
                say(one.error.message)
                say_next(one.error.hint)
    raise typer.Exit(STOPPED if stopped else _exit_code(found))


def _examine(
    farm: "Farm",
    store: "Store",
    devices: "Sequence[Device]",
    wanted: "Sequence[str]",
    seconds: float,
    wait_s: float,
    *,
    quiet: bool,
) -> "tuple[list[Examination], bool]":
    from dataclasses import replace

    from orchestrator.asking.boards import select_devices
    from orchestrator.cli.display import open_display
    from orchestrator.cli.rotation import free
    from orchestrator.cli.stopping import stop_on_signals
    from orchestrator.errors import BoardError
    from orchestrator.visits.examining import examine_devices

    chosen = free(store, select_devices(devices, wanted, store.last_facts()))
    names = [device.name for device in chosen]
    with (
        stop_on_signals("stopping") as stop,
        open_display(names, quiet=quiet, transient=True) as display,
    ):
        found = examine_devices(farm, store, chosen, seconds, display.notify, stop, wait_s)
    told = []
    for one in found:
        if one.examined is None and one.error is None:  # stopped on the way
            name = one.device.name
            told.append(replace(one, error=BoardError(name, f"{name}: not examined", f"dynofarm doctor {name}")))
        else:
            told.append(one)
    return told, stop.is_set()


def _exit_code(found: "Sequence[Examination]") -> int:
    from orchestrator.doctor import Severity

    if any(one.error is not None for one in found):
        return UNREACHED
    return SPOILT if any(finding.severity is Severity.SPOILS for one in found for finding in one.findings) else 0
