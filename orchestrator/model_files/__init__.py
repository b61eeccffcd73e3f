"""Model files: from a path to a `Model`, everything read from the file itself."""

import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import ModelError
from orchestrator.model_files.contents import check_interface
from orchestrator.model_files.digest import digest_file
from orchestrator.model_files.embeddings import table_rows
from orchestrator.model_files.ncnn import check_shapes
from orchestrator.model_files.opening import check_file, map_file, read_contents, telling_which
from orchestrator.model_files.recipes import make_recipes
from orchestrator.models import Model

__all__ = ["check_name", "digest_file", "read_model"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read_model(
    path: Path | str,
    name: str | None = None,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    fills: Mapping[str, str] | None = None,
    parent: str | None = None,
    licence: str | None = None,
    source: str | None = None,
) -> Model:
    """Read a model file: its SHA-256, its format from its content, inputs, outputs, operators, and how to fill it.

    `name` defaults to the file's name without its suffix. `shapes` closes dimensions that the file leaves open
    (input name to shape), `fills` overrides how inputs are filled (`recipes.parse_fill`). `ModelError` says what
    is wrong, in which file, and what to do next.
    """
    path = Path(path).expanduser().absolute()
    name = check_name(path.stem if name is None else name, path)
    with telling_which(path):
        check_file(path)
        found = digest_file(path)
        kind, contents = read_contents(map_file(path, found.size_bytes))
        check_interface(contents)
        if kind == "ncnn":
            check_shapes(contents.inputs, shapes or {})
        recipes = make_recipes(contents.inputs, table_rows(contents), shapes or {}, fills or {})
    return Model(
        name=name,
        digest=found.digest,
        path=path,
        format=kind,
        size_bytes=found.size_bytes,
        inputs=contents.inputs,
        outputs=contents.outputs,
        recipes=recipes,
        operators=contents.operators,
        weights=dict(contents.weights),
        parent=parent,
        licence=licence,
        source=source,
    )


def check_name(name: str, path: Path) -> str:
    """A model's name goes into tables, file names and patterns: letters, digits, `.`, `_` and `-` only."""
    if _NAME.fullmatch(name):
        return name
    proposal = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "model"
    raise ModelError(
        f"{path}: {name!r} cannot be a model's name: letters, digits, '.', '_' and '-' only, a letter or digit first",
        f"give it one: --name {proposal}",
    )
