"""Writing `.safetensors`, the format that `zoo.safetensors_file` reads: equal tensors give equal bytes."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_tensors(path: Path, tensors: Mapping[str, NDArray[np.float32]], about: Mapping[str, str]) -> None:
    """A file of float32 tensors in the order of their names, whole or not at all. `OSError`.

    `about` becomes the table `__metadata__`, of text to text.
    """
    header: dict[str, object] = {"__metadata__": dict(sorted(about.items()))}
    arrays, at = [], 0
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name], "<f4")
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [at, at + array.nbytes]}
        arrays.append(array)
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8, as the format asks
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for array in arrays:
                file.write(array.data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_about(path: Path) -> dict[str, str]:
    """The table that was given as `about`. `ValueError` where there is none; `OSError`."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > 10**7:
            raise ValueError("its header is too long")
        about = json.loads(file.read(length)).get("__metadata__")
    if not isinstance(about, dict):
        raise ValueError("it says nothing of itself")
    return {str(key): str(value) for key, value in about.items()}
