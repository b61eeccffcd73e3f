"""`dynofarm model build`: artifacts of the BERT family, made on this machine and registered."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import open_store, print_json, say, settings_of
from orchestrator.cli.options import Json, Quiet

if TYPE_CHECKING:
    from orchestrator.farm import Farm
    from orchestrator.store import Store
    from orchestrator.zoo.lineage import Lineage
    from orchestrator.zoo.orders import Artifact, Order

EPILOG = "Example: dynofarm model build bert-base --form fp32,int8 --length 128 --runtime tflite,onnx"


def build(
    context: typer.Context,
    shape: Annotated[
        str | None, typer.Argument(metavar="SHAPE", help="bert-base, mobilebert, …, or layers/hidden/ffn/heads.")
    ] = None,
    form: Annotated[
        str, typer.Option(metavar="FORM,…", help="fp32, fp16, int8, int8-tensor, int4, int8-static.")
    ] = "fp32,int8",
    length: Annotated[int, typer.Option(metavar="TOKENS", help="Tokens of a sequence.")] = 128,
    runtime: Annotated[str, typer.Option(metavar="RUNTIME,…", help="tflite, onnx.")] = "tflite",
    head: Annotated[
        str | None, typer.Option(metavar="HEAD", help="classification:3, qa, or generation; two classes if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Draws the weights, and the inputs of checks.")] = 1,
    checkpoint: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Trained weights: safetensors and config.json.")
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option(min=2, metavar="ROWS", help="Rows of the word table; 30,522 if not given.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where files go; models/ of the farm if not given."),
    ] = None,
    licence: Annotated[str | None, typer.Option("--licence", "--license", metavar="TEXT", help="Its licence.")] = None,
    python: Annotated[
        str, typer.Option(metavar="FILE", help="Another Python with dynofarm[zoo] in it.", show_default=False)
    ] = sys.executable,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build models of the BERT family in the forms that boards run, and register them with their parents."""
    from orchestrator.report.building import artifact_row, artifacts_table
    from orchestrator.zoo.shelf import find_whole

    farm = settings_of(context).find_farm()
    folder = output or farm.root / "models"
    order = _order(shape, form, length, runtime, head, seed, checkpoint, vocabulary, folder)
    whole = find_whole(order)
    if order.head_drawn and order.checkpoint is not None:
        say(f"{order.checkpoint}: it has no head {order.head}, which is drawn with seed {order.seed}: untrained")
    if len(whole) < len(order.artifacts):
        _run(order, python, quiet=quiet)
        whole = find_whole(order)
    with open_store(farm, create=True) as store:
        for artifact in order.artifacts:
            _keep(farm, store, order, artifact, whole[artifact.name], licence)
    lineages = [whole[artifact.name] for artifact in order.artifacts]
    if as_json:
        pairs = zip(lineages, order.artifacts, strict=True)
        print_json([artifact_row(one, str(order.folder / artifact.file_name)) for one, artifact in pairs])
    else:
        artifacts_table(lineages)


def _order(
    shape: str | None,
    form: str,
    length: int,
    runtime: str,
    head: str | None,
    seed: int,
    folder: Path | None,
    vocabulary: int | None,
    output: Path,
) -> "Order":
    from orchestrator.errors import UsageError
    from orchestrator.zoo.checkpoints import open_checkpoint
    from orchestrator.zoo.heads import parse_head
    from orchestrator.zoo.orders import Order, plan_artifacts, stem_of
    from orchestrator.zoo.recipes import parse_formats, parse_forms
    from orchestrator.zoo.shapes import CATALOGUE, check_length, parse_shape, with_positions

    if (shape is None) == (folder is None):
        raise UsageError(
            "give either a shape or --from FOLDER", f"shapes: {', '.join(CATALOGUE)}; or layers/hidden/ffn/heads"
        )
    forms, formats = parse_forms(form), parse_formats(runtime)
    trained = None
    if folder is not None:
        if vocabulary is not None:
            raise UsageError("--vocabulary does not go with --from", "a checkpoint has its own")
        trained = open_checkpoint(folder)
        found = trained.shape
        top = trained.head if head is None and trained.head is not None else parse_head(head, found)
        if length > found.positions:
            raise UsageError(f"--length {length}: the checkpoint has {found.positions} positions", "give fewer tokens")
    else:
        found = with_positions(parse_shape(shape or "", vocabulary), length)
        top = parse_head(head, found)
    check_length(found, length)
    stem = stem_of(found, top, length, seed, folder)
    return Order(
        shape=found,
        head=top,
        length=length,
        seed=seed,
        artifacts=plan_artifacts(stem, forms, formats),
        folder=output.expanduser().absolute(),
        checkpoint=None if trained is None else trained.folder,
        checkpoint_digest=None if trained is None else trained.digest,
        head_drawn=trained is None or trained.head != top,
    )


def _run(order: "Order", python: str, *, quiet: bool) -> None:
    """Start the builder and show its steps."""
    from orchestrator.report.words import bytes_text, duration_text
    from orchestrator.zoo.steps import Made, Making, Step
    from orchestrator.zoo.workshop import run_builder

    with _Status(quiet=quiet) as status:

        def hear(step: Step) -> None:
            if isinstance(step, Making):
                status.show(f"{step.number}/{step.of}  {step.name}: {step.doing}")
            elif isinstance(step, Made) and step.fresh:
                took, peak = duration_text(step.seconds), bytes_text(step.peak_rss_bytes)
                status.keep(f"{step.name}: {bytes_text(step.size_bytes)}, made in {took} (peak memory {peak})")

        status.show(f"{order.artifacts[0].name}: starts the builder")
        run_builder(order, hear, python)


class _Status:
    """One line that changes on a terminal; elsewhere only what is finished is said. Nothing with --quiet."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self._quiet = quiet
        console = Console(stderr=True, highlight=False)
        self._spinner = console.status("") if console.is_terminal and not quiet else None

    def show(self, text: str) -> None:
        if self._spinner is not None:
            from orchestrator.report.console import cell

            self._spinner.update(cell(text))

    def keep(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def __enter__(self) -> "_Status":
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._spinner is not None:
            self._spinner.stop()


def _keep(
    farm: "Farm", store: "Store", order: "Order", artifact: "Artifact", lineage: "Lineage", licence: str | None
) -> None:
    """Register one artifact as `model add` does, with its lineage; nothing is done for one that is registered."""
    from orchestrator.cli.model_add import add_model
    from orchestrator.zoo.lineage import to_json
    from orchestrator.zoo.recipes import FORMS

    path = order.folder / artifact.file_name
    recipe = to_json(lineage)
    if any((one.name, one.path, one.recipe) == (artifact.name, path, recipe) for one in store.models()):
        return
    parent = None if artifact.parent is None else store.model(artifact.parent)
    model = add_model(
        farm,
        store,
        path,
        artifact.name,
        shapes=[],
        fills=[],
        # Where this machine cannot run the format, the parent has no references; the lineage holds without them.
        parent=parent.name if parent is not None and parent.references else None,
        tolerance=FORMS[artifact.form].tolerance,
        source=_source(order),
        licence=licence or (None if order.checkpoint else "Apache-2.0"),
        reference=parent is None,
    )
    store.add_model(replace(model, recipe=recipe, parent=None if parent is None else parent.digest))


def _source(order: "Order") -> str:
    if order.checkpoint is None:
        return f"random weights, seed {order.seed}"
    return f"checkpoint {order.checkpoint}" + (f", head of random weights, seed {order.seed}" * order.head_drawn)
