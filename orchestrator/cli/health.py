"""`dynofarm health`: is every board still what it was? One that has moved is taken out of rotation."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import device_names
from orchestrator.cli.context import load_devices, open_store, print_json, say, settings_of
from orchestrator.cli.options import Json, OnBoardsOrAll, Quiet, Wait

if TYPE_CHECKING:
    from orchestrator.store import Store

EPILOG = "Example: dynofarm health --on all, or dynofarm health --release kitchen --why 'new power supply'"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(health)


def health(
    context: typer.Context,
    on: OnBoardsOrAll = None,
    runs: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Fresh processes a board.")] = 5,
    release: Annotated[
        list[str] | None,
        typer.Option(metavar="BOARD", help="Put a board back into rotation.", autocompletion=device_names),
    ] = None,
    new_baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BOARD", help="It is another board now (kernel, cooler): learn anew.", autocompletion=device_names
        ),
    ] = None,
    why: Annotated[str | None, typer.Option(metavar="TEXT", help="With --release: what was done about it.")] = None,
    wait: Wait = "2m",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run the reference model on boards and compare with their history. Exit code 1: a board was taken out."""
    from orchestrator.cli import looking
    from orchestrator.cli.sweeping import parse_wait_s
    from orchestrator.errors import UsageError

    wait_s = parse_wait_s(wait)
    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    if release or new_baseline:
        if on:
            raise UsageError("--release and --new-baseline do not look at boards; --on does", "one after the other")
        with open_store(farm, create=True) as store:
            known = {device.name for device in devices}
            _release(store, known, release or [], new_baseline or [], why, as_json=as_json)
        return
    if why is not None:
        raise UsageError("--why goes with --release", "dynofarm health --release BOARD --why …")
    with open_store(farm, create=True) as store:
        found, status = looking.look_at(farm, store, devices, on or ["all"], runs, wait_s=wait_s, quiet=quiet)
        looking.show(store, found, as_json=as_json)
    raise typer.Exit(status)


def _release(
    store: "Store", known: set[str], release: list[str], anew: list[str], why: str | None, *, as_json: bool
) -> None:
    from datetime import UTC, datetime

    from orchestrator.errors import UnknownName

    unknown = [name for name in (*release, *anew) if name not in known]
    if unknown:
        raise UnknownName(f"there is no device {unknown[0]!r}; known: {', '.join(sorted(known))}", "dynofarm health")
    now = datetime.now(UTC)
    told = []
    for name in dict.fromkeys([*release, *anew]):
        record = store.release_board(name, why or ("a new baseline begins" if name in anew else "released"), now)
        if name in anew:
            store.begin_baseline(name, now)
        told.append({"device": name, "released": record is not None, "new_baseline": name in anew})
        if as_json:
            continue
        back = f"is back in rotation; it was out: {record.reason}" if record else "was not in quarantine"
        say(f"{name} {back}" + ("; its history begins anew" if name in anew else ""))
    if as_json:
        print_json(told)
