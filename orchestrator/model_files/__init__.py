"""Model files: from a path to a `Model`, everything read from the file itself."""

import mmap
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import ModelError
from orchestrator.model_files.contents import Contents, Unreadable, check_interface
from orchestrator.model_files.digest import FileDigest, digest_file
from orchestrator.model_files.embeddings import table_rows
from orchestrator.model_files.formats import recognise
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
    found = _digest(path)
    try:
        kind, contents = _read_contents(path, found)
        check_interface(contents)
        recipes = make_recipes(contents.inputs, table_rows(contents), shapes or {}, fills or {})
    except Unreadable as error:
        raise ModelError(f"{path}: {error.reason}", error.hint) from None
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", error.hint) from None
    except OSError as error:
        raise _unreadable(path, error) from None
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


def _digest(path: Path) -> FileDigest:
    try:
        found = digest_file(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError:
        what = "a folder" if path.is_dir() else "no regular file"
        raise ModelError(
            f"{path}: this is {what}, not a model file", "give the path of a .tflite or .onnx file"
        ) from None
    if found.size_bytes == 0:
        raise ModelError(f"{path}: the file is empty", "copy or export it again")
    return found


def _unreadable(path: Path, error: OSError) -> ModelError:
    if isinstance(error, FileNotFoundError):
        return ModelError(f"{path}: there is no such file", "check the path; relative paths start where you are now")
    if isinstance(error, PermissionError):
        return ModelError(f"{path}: no permission to read it", "make it readable for the user who runs dynofarm")
    return ModelError(f"{path}: it cannot be read: {error.strerror or error}", "check the disk and the path")


def _read_contents(path: Path, found: FileDigest) -> tuple[str, Contents]:
    """The file is mapped, not read: of a TFLite model only the structure is looked at, not its weights."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != found.size_bytes:
            raise Unreadable("the file changed while it was read", "wait until whatever writes it is done")
        data: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    kind = recognise(data)
    if kind == "tflite":
        from orchestrator.model_files.tflite import read_tflite

        return kind, read_tflite(data)
    if kind == "onnx":
        from orchestrator.model_files.onnx import read_onnx

        return kind, read_onnx(data)
    from orchestrator.model_files.fake import read_fake

    return kind, read_fake(data[:])
