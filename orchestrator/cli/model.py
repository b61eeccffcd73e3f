"""`dynofarm model …`: the artifacts to be measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import model_build, model_compile, model_inspect, model_train
from orchestrator.cli.completion import model_names
from orchestrator.cli.context import open_store, print_json, say, settings_of
from orchestrator.cli.options import Json

if TYPE_CHECKING:
    from orchestrator.models import Model
    from orchestrator.store import Store

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Its name, or the beginning of its hash.", autocompletion=model_names)
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        name="model",
        help="Register the models to be measured.",
        epilog="Example: dynofarm model add mobilebert.tflite",
        no_args_is_help=True,
    )
    group.command(epilog="Example: dynofarm model add bert_int8.tflite --parent bert")(add)
    group.command(epilog=model_build.EPILOG)(model_build.build)
    group.command(epilog=model_train.EPILOG)(model_train.train)
    group.command("compile", epilog=model_compile.EPILOG)(model_compile.compile_model)
    group.command(epilog=model_inspect.EPILOG)(model_inspect.inspect)
    group.command("list", epilog="Example: dynofarm model list --json")(list_models)
    group.command(epilog="Example: dynofarm model show mobilebert")(show)
    group.command(epilog="Example: dynofarm model remove mobilebert")(remove)
    app.add_typer(group)


def add(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Model files: .tflite, .onnx, .pte, .vmfb, .mnn, .param.")
    ],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its name; the file's stem if not given.")] = None,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="INPUT=1x128", help="The shape of an input that the file leaves open.")
    ] = None,
    fill: Annotated[
        list[str] | None, typer.Option(metavar="INPUT=integers:0..30521", help="How an input is filled.")
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The model that this one was made from; its outputs are the reference.",
            autocompletion=model_names,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, metavar="SHARE", help="Largest error against the reference, as a share of its spread."),
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="TEXT", help="Where it comes from.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", "--license", metavar="TEXT", help="Its licence.")] = None,
    reference: Annotated[bool, typer.Option(help="Compute reference outputs on this machine.")] = True,
    as_json: Json = False,
) -> None:
    """Register model files: hash, format, inputs and outputs are read from the file itself."""
    from orchestrator.cli.model_add import add_model
    from orchestrator.errors import UsageError
    from orchestrator.report.models import model_row, models_table

    if name is not None and len(files) > 1:
        raise UsageError("--name goes with one file", "add the files one by one")
    farm = settings_of(context).find_farm()
    with open_store(farm, create=True) as store:
        added = [
            add_model(
                farm,
                store,
                file,
                name,
                shapes=shape or [],
                fills=fill or [],
                parent=parent,
                tolerance=tolerance,
                source=source,
                licence=licence,
                reference=reference,
            )
            for file in files
        ]
    rows = [model_row(model) for model in added]
    if as_json:
        print_json(rows)
    else:
        models_table(rows)


def list_models(context: typer.Context, as_json: Json = False) -> None:
    """List the registered models."""
    from orchestrator.report.models import model_row, models_table

    with open_store(settings_of(context).find_farm()) as store:
        rows = [model_row(model) for model in store.models()]
    if as_json:
        print_json(rows)
    elif not rows:
        say("no model is registered yet; next: dynofarm model add FILE")
    else:
        models_table(rows)


def show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show one model: hash, inputs and how they are filled, outputs, operators, and what it was made from and how."""
    from orchestrator.report.descent import descent_values
    from orchestrator.report.models import model_page, model_row

    with open_store(settings_of(context).find_farm()) as store:
        model = store.model(name)
        ancestors = _ancestors(store, model)
    if as_json:
        print_json(model_row(model) | {"operators": model.operators} | descent_values(model, ancestors))
    else:
        model_page(model, ancestors)


def _ancestors(store: "Store", model: "Model") -> "list[Model]":
    """What it was made from, and that from what, as far as it is registered."""
    from orchestrator.errors import UnknownName

    found: list[Model] = []
    seen = {model.digest}
    while model.parent is not None and model.parent not in seen:
        seen.add(model.parent)
        try:
            model = store.model(model.parent)
        except UnknownName:
            break
        found.append(model)
    return found


def remove(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Forget a model. The file and the results stay."""
    with open_store(settings_of(context).find_farm()) as store:
        removed = store.remove_model(name)
    if as_json:
        print_json([{"removed": model.name, "digest": model.digest} for model in removed])
    else:
        names = ", ".join(sorted({model.name for model in removed}))
        say(f"{names} removed; its file and its results stay")
