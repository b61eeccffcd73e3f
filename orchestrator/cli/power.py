"""`dynofarm device power-cycle`: switch a board off and on by the command in its profile."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import load_devices, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import DeviceName, Json, Yes

if TYPE_CHECKING:
    from orchestrator.devices import Device
    from orchestrator.farm import Farm
    from orchestrator.store import Store


def power_cycle(
    context: typer.Context,
    name: DeviceName,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the board answers again.")] = True,
    as_json: Json = False,
) -> None:
    """Switch a board off and on by the `power` command in its profile, and wait until it is back.

    Exit code 4: somebody else has reserved it, the command failed, or the board does not come back.
    """
    from orchestrator.claims import holder
    from orchestrator.cli.console import confirm
    from orchestrator.errors import PowerFailed, UsageError
    from orchestrator.power_cycle import switch_power
    from orchestrator.profiles import find_device
    from orchestrator.report.link_faults import power_row
    from orchestrator.tenancy import Claims

    farm = settings_of(context).find_farm()
    device = find_device(load_devices(farm), name)
    if not device.power:
        raise UsageError(
            f"{name}: its profile has no `power` command",
            f"dynofarm device edit {name} --set 'power=[PROGRAM, WORD, …]'",
        )
    if not yes:
        question = f"Switch {name} ({device.address}) off and on? What it measures is lost."
        confirm(question, f"dynofarm device power-cycle {name} --yes")
    with open_store(farm, create=True) as store:
        kept = Claims(store)(name).kept_out(datetime.now().astimezone())
        if kept is not None:
            raise kept
        cycle = switch_power(device, store.begin_power_cycle, holder())
        assert cycle is not None  # noqa: S101 - only in a sweep is a board's turn over once it was
        store.end_power_cycle(cycle)
        if cycle.fault:
            raise PowerFailed(name, cycle.fault, f"try it by hand: {' '.join(cycle.command)}")
        if not as_json:
            say(f"{name}: switched off and on in {cycle.took_s:.1f} s")
        back = _wait_for(farm, store, device) if wait else None
    if as_json:
        print_json({**power_row(cycle), "back": back})
    elif back:
        say(f"{name}: answers again")
    elif wait:
        say(f"{name}: does not answer yet")
        say_next(f"dynofarm device check {name}")
    raise typer.Exit(4 if back is False else 0)


def _wait_for(farm: "Farm", store: "Store", device: "Device") -> bool:
    """Does the board answer before it would be given up in a sweep? Pauses as there."""
    import random
    import time

    from orchestrator.breaker import USUAL, Breaker
    from orchestrator.cli.stopping import stop_on_signals
    from orchestrator.errors import BoardLost, Unreachable
    from orchestrator.visits.checkup import check_devices

    breaker = Breaker(USUAL, time.monotonic, random.uniform)
    with stop_on_signals("stopping: the board is not waited for") as stop:
        breaker.fault()
        while not breaker.is_hopeless and not stop.wait(breaker.wait_s):
            (checkup,) = check_devices(farm, store, [device], lambda _event: None, stop)
            if checkup.error is None:
                return not stop.is_set()
            if not isinstance(checkup.error, (BoardLost, Unreachable)):
                raise checkup.error
            breaker.fault()
    return False
