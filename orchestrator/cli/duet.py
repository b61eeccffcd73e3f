"""`dynofarm duet`: which of two is faster on a board that is not quiet."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import device_names, model_names
from orchestrator.cli.context import load_devices, open_store, print_json, say, say_next, settings_of
from orchestrator.cli.options import IncludeQuarantined, Json, Quiet, Wait

if TYPE_CHECKING:
    from orchestrator.devices import Device
    from orchestrator.errors import BoardError
    from orchestrator.farm import Farm
    from orchestrator.store import Store
    from orchestrator.visits.duet import Performance, Programme, Side

EPILOG = (
    "Example: dynofarm duet bert bert-int8 --on kitchen, or one model on two runtimes: dynofarm duet bert bert --on"
    " kitchen --runtime-b tflite-runtime"
)
STOPPED, FAILED = 130, 1


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(duet)


def duet(
    context: typer.Context,
    model_a: Annotated[str, typer.Argument(metavar="A", help="A model.", autocompletion=model_names)],
    model_b: Annotated[str, typer.Argument(metavar="B", help="A model; may be the same.", autocompletion=model_names)],
    on: Annotated[str, typer.Option(metavar="BOARD", help="The board.", autocompletion=device_names)],
    runtime_a: Annotated[str, typer.Option(metavar="NAME[@VERSION]", help="The runtime of A.")] = "litert",
    runtime_b: Annotated[str | None, typer.Option(metavar="NAME[@VERSION]", help="Of B, if not A's.")] = None,
    delegate_a: Annotated[str, typer.Option(metavar="NAME", help="The delegate of A.")] = "usual",
    delegate_b: Annotated[str | None, typer.Option(metavar="NAME", help="Of B, if not A's.")] = None,
    option_a: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option of A's runtime.")] = None,
    option_b: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option of B's runtime.")] = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of both.")] = 1,
    duets: Annotated[int, typer.Option(min=3, max=100, metavar="N", help="Each of two fresh processes.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, metavar="S", help="How long a duet takes turns.")] = 10.0,
    slice_ms: Annotated[float, typer.Option(min=1, max=10_000, metavar="MS", help="The least time of a turn.")] = 30.0,
    threshold: Annotated[str, typer.Option(metavar="SHARE", help="What counts as the same.")] = "5%",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="For inputs, and whose turn it is.")] = 1,
    wait: Wait = "2m",
    include_quarantined: IncludeQuarantined = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say whether B is faster than A on a board, also on one that is not quiet: both are loaded and take turns.

    What slows the board for a second or a minute falls on both alike. Nothing is stored: --json prints it all.
    """
    from orchestrator.cli.sweeping import parse_wait_s
    from orchestrator.comparing.thresholds import parse_share
    from orchestrator.visits.duet import Programme

    wait_s, share = parse_wait_s(wait), parse_share(threshold)
    farm = settings_of(context).find_farm()
    with open_store(farm, create=True) as store:
        device = _board(farm, store, on, include=include_quarantined)
        common = {"on": [on], "threads": str(threads), "seed": seed, "repeats": 1, "reference": False}
        first = {"runtimes": runtime_a, "delegates": delegate_a, "options": option_a}
        second = {"runtimes": runtime_b or runtime_a, "delegates": delegate_b or delegate_a, "options": option_b}
        sides = _side(farm, store, "A", model_a, common | first), _side(farm, store, "B", model_b, common | second)
        programme = Programme(sides, duets, seconds, slice_ms / 1e3, seed)
        performance, stopped = _perform(farm, store, device, programme, wait_s, quiet=quiet)
    status = _tell(device, performance, share, as_json=as_json)
    raise typer.Exit(STOPPED if stopped else status)


def _board(farm: "Farm", store: "Store", on: str, *, include: bool) -> "Device":
    from orchestrator.asking.boards import select_devices
    from orchestrator.cli.rotation import in_rotation
    from orchestrator.errors import UsageError

    chosen = select_devices(load_devices(farm), [on], store.last_facts())
    if len(chosen) > 1:
        names = ", ".join(device.name for device in chosen)
        raise UsageError(f"a duet is played on one board; --on {on} means {names}", f"--on {chosen[0].name}")
    return in_rotation(store, chosen, include=include)[0]


def _side(farm: "Farm", store: "Store", name: str, model: str, options: "dict[str, object]") -> "Side":
    """Read as `run` reads its options, but for one case."""
    from orchestrator.asking.sweeps import read_sweep
    from orchestrator.errors import ConfigError, UsageError
    from orchestrator.visits.duet import Side

    try:
        sweep, models = read_sweep(farm, store, [model], options)
    except ConfigError as error:
        lines = [f"{name}: {line}" for line in error.message.splitlines()]
        raise ConfigError("\n".join(lines), "see: dynofarm duet --help") from None
    cases = len(models) * len(sweep.runtimes) * len(sweep.delegates) * len(sweep.options)
    if cases != 1:
        raise UsageError(f"{name}: {model} with these options means {cases} cases; a side is one", "name one of them")
    return Side(sweep, models[0])


def _perform(
    farm: "Farm", store: "Store", device: "Device", programme: "Programme", wait_s: float, *, quiet: bool
) -> "tuple[Performance, bool]":
    from orchestrator.cli.display import open_display
    from orchestrator.cli.stopping import stop_on_signals
    from orchestrator.conversation import Stopped
    from orchestrator.errors import BoardError
    from orchestrator.visits.duet import perform

    with (
        stop_on_signals("stopping") as stop,
        open_display([device.name], quiet=quiet, transient=True) as display,
    ):
        try:
            return perform(farm, store, device, programme, display.notify, stop, wait_s), stop.is_set()
        except Stopped:
            raise typer.Exit(STOPPED) from None
        except BoardError as error:
            error.hint = _next(error)
            raise


def _next(error: "BoardError") -> str:
    """There is no sweep to go on with."""
    return error.hint.replace("dynofarm run --resume", "dynofarm duet …") or "dynofarm duet …"


def _tell(device: "Device", performance: "Performance", threshold: float, *, as_json: bool) -> int:
    from orchestrator.duet import FEWEST_DUETS, compare_duets
    from orchestrator.report.duet import duet_sentence, duet_table, duet_values

    enough = len(performance.duets) >= FEWEST_DUETS
    comparison = compare_duets(performance.duets, threshold) if enough else None
    if as_json:
        print_json(duet_values(device.name, performance, comparison))
    else:
        if performance.duets:
            duet_table(performance)
        if comparison is not None:
            say(duet_sentence(device.name, performance, comparison))
        for note in performance.notes:
            say(f"note: {note}")
    if performance.failure:
        say(performance.failure)
        return FAILED
    if performance.error is not None:
        say(performance.error.message)
        say_next(_next(performance.error))
        return performance.error.exit_code
    return 0
