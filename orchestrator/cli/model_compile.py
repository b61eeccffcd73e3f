"""`dynofarm model compile`: an ONNX model compiled for one board's processor, and registered with its parent."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import model_names
from orchestrator.cli.context import open_store, print_json, say, settings_of
from orchestrator.cli.options import Json, Quiet

if TYPE_CHECKING:
    from orchestrator.compiling.orders import Lineage, Order
    from orchestrator.compiling.processors import Processor
    from orchestrator.farm import Farm
    from orchestrator.models import Model
    from orchestrator.store import Store

EPILOG = "Example: dynofarm model compile bert-tiny-onnx --for kitchen"


def compile_model(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A registered ONNX model, or a file.", autocompletion=model_names)
    ],
    processor: Annotated[
        str,
        typer.Option("--for", metavar="BOARD", help="A board that was seen, or a processor: x86-64-v3, cortex-a76."),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name; the model's and the processor's if not given.")
    ] = None,
    level: Annotated[str, typer.Option(metavar="O0…O3", help="How much the compiler optimises.")] = "O3",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where files go; models/ of the farm if not given."),
    ] = None,
    python: Annotated[
        str, typer.Option(metavar="FILE", help="Another Python with dynofarm[compile] in it.", show_default=False)
    ] = sys.executable,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compile an ONNX model for one processor, as a module of IREE, and register it with its parent."""
    from orchestrator.report.models import model_row, models_table

    farm = settings_of(context).find_farm()
    with open_store(farm, create=True) as store:
        target = _processor(store, processor)
        parent = _parent(farm, store, model)
        order = _order(parent, target, name, level, output or farm.root / "models")
        lineage = _run(order, python, quiet=quiet)
        made = _keep(farm, store, order, parent, lineage)
    if as_json:
        print_json(model_row(made))
    else:
        models_table([model_row(made)])


def _processor(store: "Store", text: str) -> "Processor":
    from orchestrator.compiling.processors import processor_named, processor_of

    facts = store.last_facts().get(text)
    return processor_named(text) if facts is None else processor_of(facts, text)


def _parent(farm: "Farm", store: "Store", text: str) -> "Model":
    """The registered model; a file that is not registered yet is, under its stem."""
    from orchestrator.cli.model_add import add_model
    from orchestrator.errors import UnknownName, UsageError
    from orchestrator.model_files.digest import digest_file

    try:
        parent = store.model(text)
    except UnknownName:
        file = Path(text).expanduser().absolute()
        if not file.is_file():
            raise
        digest = digest_file(file).digest
        known = next((one for one in store.models() if one.digest == digest), None)
        parent = known or add_model(
            farm, store, file, None, shapes=[], fills=[], parent=None, tolerance=None, source=None, licence=None,
            reference=True,
        )  # fmt: skip
    if parent.format != "onnx":
        raise UsageError(
            f"{parent.name} is {parent.format}, and only ONNX files are compiled",
            "build or export it as ONNX, for example: dynofarm model build bert-tiny --runtime onnx",
        )
    return parent


def _order(parent: "Model", target: "Processor", name: str | None, level: str, folder: Path) -> "Order":
    from orchestrator.compiling.orders import LEVELS, Order
    from orchestrator.errors import UsageError
    from orchestrator.model_files import check_name

    if level not in LEVELS:
        raise UsageError(f"--level {level}: no such level; known: {', '.join(LEVELS)}", "leave it out for O3")
    folder = folder.expanduser().absolute()
    stem = f"{parent.name}-{target.words.replace('+', '-')}" if name is None else name
    open_names = {one.name for one in parent.inputs if -1 in one.shape}
    return Order(
        source=parent.path,
        source_digest=parent.digest,
        shapes={one.name: tuple(one.shape) for one in parent.recipes if one.name in open_names},
        processor=target,
        level=level,
        place=folder / f"{check_name(stem, folder)}.vmfb",
    )


def _run(order: "Order", python: str, *, quiet: bool) -> "Lineage":
    from orchestrator.compiling.steps import Compiled, Step
    from orchestrator.compiling.workshop import run_compiler
    from orchestrator.report.words import bytes_text, duration_text

    def hear(step: Step) -> None:
        if isinstance(step, Compiled) and not quiet:
            took, peak = duration_text(step.seconds), bytes_text(step.peak_rss_bytes)
            say(f"{order.place.stem}: {bytes_text(step.size_bytes)}, compiled in {took} (peak memory {peak})")

    return run_compiler(order, hear, python)


def _keep(farm: "Farm", store: "Store", order: "Order", parent: "Model", lineage: "Lineage") -> "Model":
    """Register the module; its references are its parent's, as it computes the same on another processor."""
    from orchestrator.cli.model_add import add_model
    from orchestrator.references import default_tolerance

    made = add_model(
        farm,
        store,
        order.place,
        None,
        shapes=[],
        fills=[_fill_text(recipe.name, recipe.fill, recipe.low, recipe.high) for recipe in parent.recipes],
        # Where this machine could not run the parent, there is nothing to compare with; the lineage holds without.
        parent=parent.name if parent.references else None,
        tolerance=default_tolerance(parent),
        source=f"compiled for {order.processor.words}",
        licence=parent.licence,
        reference=False,
    )
    made = replace(made, recipe=lineage.to_json(), parent=parent.digest)
    store.add_model(made)
    return made


def _fill_text(name: str, fill: str, low: float, high: float) -> str:
    return f"{name}={fill}:{low:.17g}..{high:.17g}" if fill in ("uniform", "integers") else f"{name}={fill}"
