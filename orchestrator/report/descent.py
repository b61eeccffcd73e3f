"""Where a model comes from, in words and as plain values: its parents, its recipe, what made it, how far it moved."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.compiling.orders import Lineage as Compiled
from orchestrator.compiling.orders import lineage_from_json
from orchestrator.errors import ModelError
from orchestrator.models import Model
from orchestrator.report.building import count_of, share_text
from orchestrator.zoo.lineage import Lineage, from_json, is_lineage

SHORT = 12
"""Characters of a hash that is named beside something else."""


def descent_values(model: Model, ancestors: Sequence[Model]) -> dict[str, Any]:
    """For --json: `lineage` as it stands beside the file, or None; `recipe`, where that is the text of another maker;
    `ancestors` that are registered, the parent first."""
    found = read_lineage(model)
    return {
        "lineage": json.loads(model.recipe) if found is not None and model.recipe is not None else None,
        "recipe": model.recipe if found is None else None,
        "ancestors": [{"model": one.name, "digest": one.digest} for one in ancestors],
    }


def descent_lines(model: Model, ancestors: Sequence[Model]) -> list[tuple[str, str]]:
    """What is known, a line each. `ancestors`: the parent first."""
    lines = [("parent", _parent(model, ancestors))]
    if len(ancestors) > 1:
        lines.append(("descends from", " ← ".join(one.name for one in ancestors[1:])))
    found = read_lineage(model)
    if isinstance(found, Lineage):
        return lines + _built(found)
    if isinstance(found, Compiled):
        return lines + _compiled(found)
    return [*lines, ("recipe", model.recipe or "not said"), ("parameters", "dynofarm model inspect FILE counts them")]


def read_lineage(model: Model) -> Lineage | Compiled | None:
    """What its maker wrote down; None where it is not of dynofarm, or of a later version of it."""
    if model.recipe is None:
        return None
    try:
        return from_json(model.recipe, model.name) if is_lineage(model.recipe) else lineage_from_json(model.recipe)
    except (ModelError, ValueError, RecursionError):
        return None


def _parent(model: Model, ancestors: Sequence[Model]) -> str:
    if ancestors:
        return f"{ancestors[0].name} ({ancestors[0].digest})"
    if model.parent is not None:
        return f"{model.parent} (not registered here)"
    found = read_lineage(model)
    if isinstance(found, Lineage) and found.parent is not None:
        return f"weights of {found.checkpoint or 'a checkpoint'} ({found.parent})"
    return "none"


def _built(found: Lineage) -> list[tuple[str, str]]:
    distance = found.distance
    moved = (
        f"{share_text(distance.worst)} of the spread at worst, {share_text(distance.median)} in the middle, cosine "
        f"{distance.cosine:.5f}, the same largest on {distance.same_largest} of {distance.inputs} inputs; the parent "
        f"ran on {distance.against}"
    )
    return [
        ("recipe", f"{found.form} as {found.format}, head {found.head}, {found.length} tokens"),
        ("network", ", ".join(f"{key} {value}" for key, value in found.shape.items() if value is not None)),
        ("seed", f"{found.seed}, {_drawn(found)}"),
        ("parameters", f"{count_of(found.parameters)} ({found.parameters:,})"),
        ("FLOPs", f"{count_of(found.flops)} an inference, matrix products alone"),
        ("distance", moved),
        ("made by", _tools(found.tools)),
    ]


def _drawn(found: Lineage) -> str:
    if found.checkpoint is None:
        return "which drew all weights: what it answers means nothing"
    if found.head_drawn:
        return f"which drew the head; the other weights are of {found.checkpoint}"
    return f"which drew no weights: they are of {found.checkpoint}"


def _compiled(found: Compiled) -> list[tuple[str, str]]:
    processor = " ".join((found.cpu, *(f"+{feature}" for feature in found.features)))
    shapes = (f"{name} {'x'.join(map(str, sizes))}" for name, sizes in found.shapes.items())
    return [
        ("compiled for", f"{found.triple}, {processor}"),
        ("shapes", ", ".join(shapes) or "as the file has them"),
        ("flags", " ".join(found.flags) or "none"),
        ("made by", _tools(found.tools)),
    ]


def _tools(tools: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in tools.items()) or "not said"
