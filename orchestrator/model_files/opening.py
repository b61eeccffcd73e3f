"""Opening model files: mapped into memory, not read, and every fault told with the file's name."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from orchestrator.errors import ModelError
from orchestrator.model_files.contents import Contents, Unreadable
from orchestrator.model_files.digest import regular_size
from orchestrator.model_files.formats import recognise


@contextmanager
def telling_which(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside becomes a `ModelError` that names the file."""
    try:
        yield
    except Unreadable as error:
        raise ModelError(f"{path}: {error.reason}", error.hint) from None
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", error.hint) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def check_file(path: Path) -> int:
    """The size in bytes of a regular file that holds something; `Unreadable` for anything else, before it is opened."""
    try:
        size_bytes = regular_size(path)
    except ValueError:
        what = "a folder" if path.is_dir() else "no regular file"
        raise Unreadable(f"this is {what}, not a model file", "give the path of a .tflite or .onnx file") from None
    if size_bytes == 0:
        raise Unreadable("the file is empty", "copy or export it again")
    return size_bytes


def map_file(path: Path, size_bytes: int) -> Any:
    """The file as a buffer of which only the looked-at pages are read. `Unreadable` where it changed its size."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != size_bytes:
            raise Unreadable("the file changed while it was read", "wait until whatever writes it is done")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_contents(data: Any) -> tuple[str, Contents]:
    """The format of a mapped file, and what it holds. `Unreadable`."""
    kind = recognise(data)
    # A module for each format, imported when a file of it is read: some bring large packages.
    reader = import_module(f"orchestrator.model_files.{kind}")
    contents: Contents = getattr(reader, f"read_{kind}")(data)
    return kind, contents


def _unreadable(path: Path, error: OSError) -> ModelError:
    if isinstance(error, FileNotFoundError):
        return ModelError(f"{path}: there is no such file", "check the path; relative paths start where you are now")
    if isinstance(error, PermissionError):
        return ModelError(f"{path}: no permission to read it", "make it readable for the user who runs dynofarm")
    return ModelError(f"{path}: it cannot be read: {error.strerror or error}", "check the disk and the path")
