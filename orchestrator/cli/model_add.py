"""The work behind `dynofarm model add`: read the file, get its reference outputs, register it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.protocol import Reference
from orchestrator.cli.context import say
from orchestrator.cli.display import open_display
from orchestrator.cli.model_pair import in_one_file
from orchestrator.errors import DynofarmError, ModelError
from orchestrator.farm import Farm
from orchestrator.model_files import read_model
from orchestrator.model_files.recipes import parse_fill, parse_shape
from orchestrator.models import Model
from orchestrator.references import default_tolerance, same_inputs, same_outputs, told_outputs
from orchestrator.store import Store


def add_model(
    farm: Farm,
    store: Store,
    file: Path,
    name: str | None,
    *,
    shapes: Sequence[str],
    fills: Sequence[str],
    parent: str | None,
    tolerance: float | None,
    source: str | None,
    licence: str | None,
    reference: bool,
) -> Model:
    """Register one file. Without references the gate still checks that outputs are finite and not all equal."""
    with in_one_file(farm, file, name) as (readable, place):
        model = read_model(
            readable,
            name,
            shapes=dict(parse_shape(text) for text in shapes),
            fills=dict(parse_fill(text) for text in fills),
        )
        model = replace(model, source=source, licence=licence)
        _mind_the_name(store, model)
        if parent is not None:
            ancestor = store.model(parent)
            model = replace(model, parent=ancestor.digest, references=_of_parent(model, ancestor, tolerance))
        elif reference:
            model = replace(model, references=_own(farm, model, tolerance))
    model = replace(model, path=place or model.path, outputs=told_outputs(model.outputs, model.references))
    store.add_model(model)
    return model


def _mind_the_name(store: Store, model: Model) -> None:
    """A name stands for versions of one thing: another format under it is a mistake, other bytes are said."""
    for known in store.models():
        if known.name != model.name or known.digest == model.digest:
            continue
        if known.format != model.format:
            raise ModelError(
                f"{model.path}: the name {model.name} stands for a {known.format} file, {known.path}",
                f"give this one a name of its own: --name {model.name}-{model.format}",
            )
        say(f"{model.name}: a new version; results of the one before ({known.digest[:8]}) keep its hash")


def _of_parent(model: Model, ancestor: Model, tolerance: float | None) -> tuple[Reference, ...]:
    """The parent's outputs, with room for what the change may cost."""
    if not same_outputs(model.outputs, ancestor.outputs):
        raise ModelError(
            f"{model.path}: its outputs have other shapes than those of {ancestor.name}",
            "a model can only be checked against a parent with the same outputs; leave --parent out",
        )
    if not same_inputs(model.recipes, ancestor.recipes):
        raise ModelError(
            f"{model.path}: its inputs are not named, shaped or filled as those of {ancestor.name}",
            "both must compute the same inputs; make them alike with --fill, or leave --parent out",
        )
    if not ancestor.references:
        raise ModelError(
            f"{ancestor.name} has no reference outputs", f"add it again with them: dynofarm model add {ancestor.path}"
        )
    allowed = tolerance if tolerance is not None else default_tolerance(model)
    return tuple(replace(one, tolerance=allowed) for one in ancestor.references)


def _own(farm: Farm, model: Model, tolerance: float | None) -> tuple[Reference, ...]:
    from orchestrator.visits.referencing import compute_references

    allowed = tolerance if tolerance is not None else default_tolerance(model)
    try:
        with open_display(["this-machine"], quiet=True) as display:
            return compute_references(farm, model, allowed, display.notify)
    except ModelError:
        raise
    except DynofarmError as error:
        say(f"{model.name}: no reference outputs, so only finite and not all equal will be checked: {error.message}")
        return ()
