"""`dynofarm device reserve`, `release` and `reservations`: keeping a board for oneself, and who had what when."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import board_selectors
from orchestrator.cli.context import load_devices, open_store, print_json, settings_of
from orchestrator.cli.options import MOST_LINES, BoardsOrAll, Json, Quiet

if TYPE_CHECKING:
    from orchestrator.farm import Farm

Boards = Annotated[
    list[str],
    typer.Argument(metavar="BOARD", help="Names, patterns, tag:…, arch:…, all.", autocompletion=board_selectors),
]


def register(group: typer.Typer) -> None:
    group.command(epilog="Example: dynofarm device reserve kitchen --for 2h --why debugging")(reserve)
    group.command(epilog="Example: dynofarm device release kitchen, or dynofarm device release kitchen --force")(
        release
    )
    group.command(epilog="Example: dynofarm device reservations, or dynofarm device reservations kitchen --history")(
        reservations
    )


def reserve(
    context: typer.Context,
    boards: Boards,
    term: Annotated[str, typer.Option("--for", metavar="DURATION", help="For how long: 2h, 90m, 1d; at most 30d.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="What for; everybody else reads it.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Keep boards for yourself for a while: everybody else's sweeps leave them out. It ends by itself.

    Exit code 4: somebody else has one of them. Reserving again replaces the time and the reason.
    """
    from orchestrator.claims import check_reason, parse_term_s
    from orchestrator.cli import reserving

    term_s, reason = parse_term_s(term), check_reason(why)
    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    with open_store(farm, create=True) as store:
        raise typer.Exit(
            reserving.reserve_boards(farm, store, devices, boards, term_s, reason, quiet=quiet, as_json=as_json)
        )


def release(
    context: typer.Context,
    boards: Boards,
    force: Annotated[bool, typer.Option("--force", help="Somebody else's, too; it is written down.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Give reserved boards back before their time. Exit code 4: somebody else has one of them."""
    from orchestrator.cli import reserving

    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    with open_store(farm, create=True) as store:
        raise typer.Exit(
            reserving.release_boards(farm, store, devices, boards, force=force, quiet=quiet, as_json=as_json)
        )


def reservations(
    context: typer.Context,
    boards: BoardsOrAll = None,
    history: Annotated[
        bool, typer.Option("--history", help="Who had what, when, why, and how it ended; sweeps, too.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LINES, metavar="N", help="With --history: the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """List what is reserved now; with --history the audit trail, the newest first."""
    from datetime import datetime

    from orchestrator.report.reservations import lease_values, leases_table, reservations_table

    farm = settings_of(context).find_farm()
    names = _chosen(farm, boards)
    now = datetime.now().astimezone()
    with open_store(farm) as store:
        if history:
            records = store.reservations.history(now, names, limit)
        else:
            held = store.reservations.active(now)
            records = [held[name] for name in sorted(held) if names is None or name in names]
    if as_json:
        print_json([lease_values(record) for record in records])
    elif history:
        leases_table(records, now)
    else:
        reservations_table(records, now)


def _chosen(farm: "Farm", boards: list[str] | None) -> list[str] | None:
    """Names; None for all, those included that have no profile any more."""
    if not boards:
        return None
    from orchestrator.asking.boards import select_devices
    from orchestrator.cli.seen import last_facts

    return [device.name for device in select_devices(load_devices(farm), boards, last_facts(farm))]
