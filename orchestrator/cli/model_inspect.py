"""`dynofarm model inspect`: what a model file is, without a farm, a board or a runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.completion import model_names
from orchestrator.cli.context import Settings, open_store, print_json, settings_of
from orchestrator.cli.options import Json
from orchestrator.errors import ModelError, UnknownName, UsageError

if TYPE_CHECKING:
    from orchestrator.model_files.insides import Insides
    from orchestrator.models import Model

EPILOG = "Example: dynofarm model inspect bert.tflite"

File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="A model file, or the name of a registered model.", autocompletion=model_names),
]


def inspect(
    context: typer.Context,
    file: File,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="INPUT=1x128", help="The shape of an input that the file leaves open.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Inspect a model file: operators, FLOPs, parameters, quantisation, and what may fail on which runtime."""
    from orchestrator.inspection import inspect_model
    from orchestrator.report.inspection import inspection_page, inspection_values

    path, insides = _look(settings_of(context), file, shape or [])
    found = inspect_model(insides)
    if as_json:
        print_json(inspection_values(path, found))
    else:
        inspection_page(path, found)


def _look(settings: Settings, file: str, shapes: Sequence[str]) -> "tuple[Path, Insides]":
    """A file goes before a name: it is what the user sees in the folder."""
    from orchestrator.model_files.insides import read_insides
    from orchestrator.model_files.recipes import parse_shape

    given = dict(parse_shape(text) for text in shapes)
    path = Path(file)
    if len(path.parts) != 1 or _is_there(path):
        return path, read_insides(path, given)
    model = _look_up(settings, file)
    registered = {recipe.name: tuple(recipe.shape) for recipe in model.recipes}
    insides = read_insides(model.path, registered | given)
    if insides.size_bytes != model.size_bytes:
        raise ModelError(
            f"{model.path}: {model.name} was registered with {model.size_bytes:,} bytes, and the file has"
            f" {insides.size_bytes:,}",
            f"inspect the file as it is by its path, or register it anew: dynofarm model add {model.path}",
        )
    return model.path, insides


def _is_there(path: Path) -> bool:
    """Anything but a name that nothing bears: what cannot be looked at is the reader's to explain."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return True


def _look_up(settings: Settings, name: str) -> "Model":
    try:
        farm = settings.find_farm()
        known = farm.database.exists()
    except UsageError:
        known = False
    if not known:
        raise ModelError(
            f"{name}: there is no such file, and no farm here in which a model could have that name",
            "give the path of a .tflite or .onnx file, or the name of a registered model inside its farm",
        )
    with open_store(farm) as store:
        try:
            return store.model(name)
        except UnknownName as error:
            raise UnknownName(f"{name}: there is no such file; {error.message}", error.hint) from None
