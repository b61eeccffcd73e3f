"""`dynofarm device add` and `trust`: a board enters the farm when its host key was accepted by a person."""

import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.console import confirm
from orchestrator.cli.context import load_devices, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import DeviceName, Json
from orchestrator.devices import Link
from orchestrator.errors import HostKeyChanged, HostKeyUnknown, UsageError

if TYPE_CHECKING:
    from orchestrator.devices import Device
    from orchestrator.farm import Farm
    from orchestrator.visits.checkup import Checkup

Fingerprints = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SHA256:…",
        help="Accept a host key that has this fingerprint; for scripts. Again for a jump host's.",
        show_default=False,
    ),
]


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the board.")],
    address: Annotated[
        str | None, typer.Argument(metavar="[USER@]HOST[:PORT]", help="Also an alias of ~/.ssh/config.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="This machine itself, without SSH.")] = False,
    key_file: Annotated[
        str | None, typer.Option("--key", metavar="FILE", help="Private key, if not ssh-agent.")
    ] = None,
    jump: Annotated[str | None, typer.Option(metavar="[USER@]HOST", help="Reach it through this host.")] = None,
    python: Annotated[str, typer.Option(metavar="PROGRAM", help="Python on the board.")] = "python3",
    work_dir: Annotated[str | None, typer.Option(metavar="DIR", help="Folder on the board.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="WORD", help="A tag; again for more.")] = None,
    group: Annotated[
        str | None, typer.Option(metavar="WORD", help="Boards of one group are one machine: they take turns.")
    ] = None,
    kind: Annotated[str, typer.Option(metavar="KIND", help="real, loopback or emulated.")] = "real",
    accept_fingerprint: Fingerprints = None,
    check: Annotated[bool, typer.Option(help="Connect and probe at once.")] = True,
    as_json: Json = False,
) -> None:
    """Register a board: accept its host key, write its profile, and check it."""
    from orchestrator.profiles import device_from_options, write_profile

    farm = settings_of(context).find_farm()
    if bool(address) == local:
        told = "an address or --local, not both" if local else "where is the board? Give its address, or --local"
        raise UsageError(told, f"for example: dynofarm device add {name} pi@10.0.0.4")
    keys = {
        "kind": kind,
        "key_file": key_file,
        "jump": jump,
        "python": python,
        "work_dir": work_dir,
        "tags": tag,
        "group": group,
    }
    device = device_from_options(farm.profiles, name, address, keys)
    fingerprints = _accept_host_keys(farm, device, accept_fingerprint or []) if address is not None else []
    path = write_profile(farm.profiles, device)
    say(f"{name}: profile written to {path.relative_to(farm.root)}")
    found = _check(farm, device, quiet=as_json) if check else None
    if as_json:
        from orchestrator.report.devices import checkup_values

        checked = checkup_values(found) if found else None
        print_json({"device": name, "file": str(path), "accepted": fingerprints, "check": checked})
    if found is None:
        if not as_json:
            say_next(f"dynofarm device check {name}")
        return
    from orchestrator.cli.checking import exit_code, show_checks

    if not as_json:
        show_checks([found])
        if found.error is None:
            say(f"what differs by chance on it? next: dynofarm noise --on {name}")
    raise typer.Exit(exit_code([found]))


def _check(farm: "Farm", device: "Device", *, quiet: bool) -> "Checkup":
    from orchestrator.cli.checking import check

    with open_store(farm, create=True) as store:
        return check(farm, store, [device], quiet=quiet)[0][0]


def trust(
    context: typer.Context,
    name: DeviceName,
    accept_fingerprint: Fingerprints = None,
    as_json: Json = False,
) -> None:
    """Accept a board's host key again, after it was installed anew. Compare the fingerprint first."""
    from orchestrator.profiles import find_device

    farm = settings_of(context).find_farm()
    device = find_device(load_devices(farm), name)
    if device.link is Link.LOCAL:
        raise UsageError(
            f"{name} is this machine itself; it has no host key to accept", f"dynofarm device check {name}"
        )
    fingerprints = _accept_host_keys(farm, device, accept_fingerprint or [])
    if as_json:
        print_json({"device": name, "accepted": fingerprints})
    else:
        say(f"{name}: host key accepted; next: dynofarm device check {name}")


def _accept_host_keys(farm: "Farm", device: "Device", accepted: Sequence[str]) -> list[str]:
    """The fingerprints that were accepted. A jump host's key first, if there is one: nothing behind an unknown host
    can be believed."""
    from orchestrator.transport.hostkeys import accept, accepted_instead
    from orchestrator.transport.ssh import fetch_host_key

    done: list[str] = []
    while True:
        try:
            key = fetch_host_key(device, farm.known_hosts)
        except (HostKeyUnknown, HostKeyChanged) as jump:
            fingerprint = jump.fingerprint if isinstance(jump, HostKeyUnknown) else jump.found
            _consent(jump.message, fingerprint, accepted)
            accept(farm.known_hosts, jump.key_line)
            done.append(fingerprint)
            continue
        told = f"{device.name}: host key of {device.address}: {key.fingerprint}"
        others = accepted_instead(farm.known_hosts, key.key_line)
        if others:
            told += f"; it takes the place of {' and '.join(others)}, also for other boards with that address"
        _consent(told, key.fingerprint, accepted)
        accept(farm.known_hosts, key.key_line)
        return [*done, key.fingerprint]


def _consent(told: str, fingerprint: str, accepted: Sequence[str]) -> None:
    say(told)
    if not accepted:
        confirm(
            "Is this the right key? (on that machine: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)",
            f"add --accept-fingerprint {fingerprint}",
        )
    elif not any(hmac.compare_digest(one, fingerprint) for one in accepted):
        raise UsageError(
            f"the host key is {fingerprint}, not {' nor '.join(accepted)}",
            "another machine answers at that address, or the fingerprint was copied wrongly",
        )
