"""`dynofarm noise`: how much a board differs from itself."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import model_names
from orchestrator.cli.context import load_devices, open_store, print_json, say, settings_of
from orchestrator.cli.options import IncludeQuarantined, Json, OnBoardsOrAll, Quiet, Wait

if TYPE_CHECKING:
    from orchestrator.farm import Farm
    from orchestrator.launch import Outcome
    from orchestrator.models import Model
    from orchestrator.store import Store
    from orchestrator.sweep import Sweep

EPILOG = "Example: dynofarm noise --on kitchen, or dynofarm noise --on all --runs 20 --model bert --threads 4"


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(noise)


def noise(
    context: typer.Context,
    on: OnBoardsOrAll = None,
    runs: Annotated[int, typer.Option(min=6, max=1000, metavar="N", help="Fresh processes a board.")] = 10,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A model of yours, not the built-in one.", autocompletion=model_names),
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(metavar="NAME[@VERSION]", help="For --model: not litert but this one.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of the runtime.")] = 1,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="quick, standard or mlperf-like.")] = "quick",
    wait: Wait = "2m",
    include_quarantined: IncludeQuarantined = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure the noise floor of boards: the same artifact against itself. Smaller differences mean nothing there."""
    from orchestrator.cli import sweeping

    wait_s = sweeping.parse_wait_s(wait)
    farm = settings_of(context).find_farm()
    devices = load_devices(farm)
    with open_store(farm, create=True) as store:
        sweep, artifact = _plan(
            farm, store, on or ["all"], runs=runs, model=model, runtime=runtime, threads=threads, protocol=protocol
        )
        outcome = sweeping.launch(
            farm,
            store,
            devices,
            sweep,
            [artifact],
            wait_s=wait_s,
            quiet=quiet,
            include_quarantined=include_quarantined,
        )
        raise typer.Exit(conclude(store, outcome, as_json=as_json))


def conclude(store: "Store", outcome: "Outcome", *, as_json: bool) -> int:
    """Reckon and show the floors of a noise sweep that has run, also of one that was resumed; the exit code."""
    from orchestrator.report.noise import noise_sentence, noise_table, noise_values
    from orchestrator.visits.noise import NoFloor, reckon

    found = reckon(store, outcome.sweep_id)
    if as_json:
        print_json([noise_values(one) for one in found])
    else:
        noise_table(found)
        for one in found:
            say(noise_sentence(one))
        if outcome.owed:
            say(f"the rest is still to do; next: dynofarm run --resume {outcome.sweep_id}")
    return outcome.exit_code or int(any(isinstance(one, NoFloor) for one in found))


def _plan(
    farm: "Farm",
    store: "Store",
    on: list[str],
    *,
    runs: int,
    model: str | None,
    runtime: str | None,
    threads: int,
    protocol: str,
) -> "tuple[Sweep, Model]":
    """The sweep, read from options as `run` reads them, and the artifact."""
    from orchestrator.asking.sweeps import read_sweep
    from orchestrator.errors import UsageError
    from orchestrator.reference_model import reference_model
    from orchestrator.sweep_files import sweep_from_options
    from orchestrator.visits.noise import as_noise

    if model is None:
        if runtime is not None:
            raise UsageError("--runtime goes with --model: the built-in model runs on litert", f"--runtime {runtime}")
        artifact = reference_model()
        sweep = sweep_from_options(models=[artifact.name], on=on, threads=str(threads), protocol=protocol)
        return as_noise(sweep, runs), artifact
    options = {"on": on, "threads": str(threads), "protocol": protocol, "runtimes": runtime}
    sweep, models = read_sweep(farm, store, [model], options)
    if len(models) > 1:
        raise UsageError(f"--model {model} means {len(models)} models; a floor is that of one", "name one of them")
    return as_noise(sweep, runs), models[0]
