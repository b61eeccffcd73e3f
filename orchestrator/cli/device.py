"""`dynofarm device …`: the boards of the farm."""

from typing import Annotated

import typer

from orchestrator.cli import device_reserve
from orchestrator.cli.context import load_devices, open_store, print_json, say, settings_of
from orchestrator.cli.device_add import add, trust
from orchestrator.cli.options import BoardsOrAll, DeviceName, Json, Yes
from orchestrator.cli.power import power_cycle


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="device",
        help="Register, check and edit the boards.",
        epilog="Example: dynofarm device add kitchen pi@10.0.0.4",
        no_args_is_help=True,
    )
    group.command(epilog="Example: dynofarm device add kitchen pi@10.0.0.4 --tag arm64")(add)
    group.command("list", epilog="Example: dynofarm device list --json")(list_devices)
    group.command(epilog="Example: dynofarm device show kitchen")(show)
    group.command(epilog="Example: dynofarm device check kitchen tag:arm64")(check)
    group.command(epilog="Example: dynofarm device ping tag:jetson --json")(ping)
    group.command(epilog="Example: dynofarm device edit kitchen --set python=/usr/bin/python3.9 --set tags=arm64,lab")(
        edit
    )
    group.command(epilog="Example: dynofarm device trust kitchen --accept-fingerprint SHA256:…")(trust)
    group.command("power-cycle", epilog="Example: dynofarm device power-cycle kitchen --yes")(power_cycle)
    group.command(epilog="Example: dynofarm device remove kitchen")(remove)
    device_reserve.register(group)
    app.add_typer(group)


def list_devices(context: typer.Context, as_json: Json = False) -> None:
    """List the registered boards and what was seen of them last."""
    from orchestrator.cli.seen import last_facts, standings
    from orchestrator.report.devices import device_row, devices_table

    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    facts = last_facts(farm)
    standing = standings(farm)
    rows = [device_row(device, facts.get(device.name), standing.get(device.name)) for device in devices]
    if as_json:
        print_json(rows)
    elif not rows:
        say("no board is registered yet; next: dynofarm device add NAME USER@HOST")
    else:
        devices_table(rows)
        if not facts:
            say("none was seen yet; next: dynofarm device check")


def show(context: typer.Context, name: DeviceName, as_json: Json = False) -> None:
    """Show one board: its profile and the facts of the last probe."""
    from dataclasses import asdict

    from orchestrator.cli.seen import last_facts, standings
    from orchestrator.profiles import find_device, profile_path
    from orchestrator.report.devices import device_page

    farm = settings_of(context).find_farm()
    device = find_device(load_devices(farm), name)
    facts = last_facts(farm).get(name)
    standing = standings(farm).get(name)
    if as_json:
        path = str(profile_path(farm.profiles, name))
        known = {"facts": asdict(facts) if facts else None, "standing": asdict(standing) if standing else None}
        print_json({"file": path, "profile": asdict(device), **known})
    else:
        device_page(device, facts, standing)


def check(
    context: typer.Context,
    on: BoardsOrAll = None,
    as_json: Json = False,
) -> None:
    """Connect to boards, start the agent there, and say what they are and what is wrong with them."""
    from orchestrator.cli.checking import run_check

    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    with open_store(farm, create=True) as store:
        raise typer.Exit(run_check(farm, store, devices, on or ["all"], as_json=as_json))


def ping(
    context: typer.Context,
    on: BoardsOrAll = None,
    as_json: Json = False,
) -> None:
    """Ask boards whether they are up, since when, and how busy and hot they are: hundreds in seconds.

    Nothing is started there but a shell, and no lock is taken. A login takes a board a moment all the same: what
    measures there just then may be marked for it. What a board is, and what is wrong with it: dynofarm device check.
    """
    from orchestrator.asking.boards import select_devices
    from orchestrator.cli.pinging import run_ping
    from orchestrator.cli.seen import last_facts

    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    chosen = select_devices(devices, on or ["all"], last_facts(farm) if on else {})
    raise typer.Exit(run_ping(farm, chosen, as_json=as_json))


def edit(
    context: typer.Context,
    name: DeviceName,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key; again for more.")
    ] = None,
) -> None:
    """Change a profile: with --set, or in $EDITOR. Comments stay; a wrong file never replaces a good one."""
    from orchestrator.cli.editing import edit_in_editor
    from orchestrator.profiles import edit_profile, parse_changes, profile_path

    farm = settings_of(context).find_farm()
    path = profile_path(farm.profiles, name)
    if changes:
        before = path.read_bytes()
        edit_profile(path, parse_changes(changes))
        changed = path.read_bytes() != before
    else:
        changed = edit_in_editor(path)
    say(f"{name}: profile changed; next: dynofarm device check {name}" if changed else f"{name}: nothing was changed")


def remove(
    context: typer.Context,
    name: DeviceName,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove a board's profile and its accepted host key. Its results stay."""
    from orchestrator.cli.console import confirm
    from orchestrator.profiles import find_device, remove_profile
    from orchestrator.transport.ssh import forget_host_key

    farm = settings_of(context).find_farm()
    device = find_device(load_devices(farm), name)
    if not yes:
        confirm(f"Remove the profile of {name} ({device.address})?", f"dynofarm device remove {name} --yes")
    remove_profile(farm.profiles, name)
    forgotten = forget_host_key(device, farm.known_hosts)
    if as_json:
        print_json({"removed": name, "host_key_forgotten": forgotten})
    else:
        say(f"{name} removed; its results stay in {farm.database.name}")
