"""What is kept while training goes on, so that it can go on after a kill: one file that is whole or not there.

`progress.safetensors` holds the trained weights and both moments of AdamW; its `__metadata__` says after which batch,
and how the epochs went. `best.safetensors` holds the weights after the best epoch so far.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import ModelError
from orchestrator.training.weights_file import read_about, write_tensors
from orchestrator.zoo.safetensors_file import read_header, read_tensor

Tensors = dict[str, NDArray[np.float32]]

STATE, BEST = "progress.safetensors", "best.safetensors"


@dataclass(frozen=True)
class Progress:
    """`batch` batches of the epoch (from 0) are learnt; `right` are the dev examples right after each whole epoch."""

    recipe: str
    epoch: int = 0
    batch: int = 0
    right: tuple[int, ...] = ()
    cpu_s: float = 0.0

    def after_batch(self) -> "Progress":
        return replace(self, batch=self.batch + 1)

    def after_epoch(self, right: int) -> "Progress":
        return replace(self, epoch=self.epoch + 1, batch=0, right=(*self.right, right))


def save_progress(folder: Path, progress: Progress, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Put the state of now in the place of the one before. `OSError`."""
    write_tensors(folder / STATE, tensors, {"progress": json.dumps(asdict(progress))})


def load_progress(folder: Path, recipe: str) -> tuple[Progress, Tensors] | None:
    """The last state; None where there is none. `ModelError` where it is another recipe's, or damaged."""
    path = folder / STATE
    if not path.exists():
        return None
    try:
        plain = json.loads(read_about(path)["progress"])
        progress = Progress(**{**plain, "right": tuple(plain["right"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: damaged: {error}", "begin anew: --restart") from None
    if progress.recipe != recipe:
        raise ModelError(
            f"{folder}: here lies an unfinished training of another recipe",
            "say the same words again to go on with it, --restart to begin anew, or another folder: -o",
        )
    return progress, read_tensors(path)


def read_tensors(path: Path) -> Tensors:
    """All tensors of a file. `ModelError`."""
    return {name: read_tensor(path, entry) for name, entry in read_header(path).items()}
