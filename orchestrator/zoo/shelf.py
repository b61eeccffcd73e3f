"""The folder that artifacts are put in: whole ones are known by their lineage, and no half one has a final name.

NAME.tflite, NAME.onnx     an artifact
NAME.lineage.json          written after it: an artifact without one is made again
.building/                 scratch of the one who holds the lock; what a killed one left is cleared away
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from orchestrator.errors import ModelError, UsageError
from orchestrator.model_files.digest import digest_file
from orchestrator.zoo import lineage
from orchestrator.zoo.lineage import Lineage
from orchestrator.zoo.orders import Artifact, Order

SCRATCH = ".building"


class Busy(UsageError):
    """Another builder works in this folder."""


def find_whole(order: Order) -> dict[str, Lineage]:
    """By name, the artifacts that were made by the same words and are what they were; the others must be made.

    Each must come from the parent that lies here now.
    """
    whole: dict[str, Lineage] = {}
    for artifact in order.artifacts:
        above = whole.get(artifact.parent) if artifact.parent is not None else None
        parent = above.digest if above is not None else order.checkpoint_digest
        found = _read(order.folder, artifact)
        if found is not None and (artifact.parent is None) == (above is None) and found.parent == parent:
            asked = (artifact.name, artifact.form, artifact.format, asdict(order.shape), str(order.head), order.length)
            told = (found.name, found.form, found.format, found.shape, found.head, found.length)
            if asked == told and (found.seed, found.checkpoint) == (order.seed, order.checkpoint_digest):
                whole[artifact.name] = found
    return whole


def _read(folder: Path, artifact: Artifact) -> Lineage | None:
    """The lineage of a file that is what its lineage says."""
    try:
        found = lineage.from_json((folder / artifact.lineage_name).read_text(encoding="utf-8"), artifact.lineage_name)
        return found if digest_file(folder / artifact.file_name).digest == found.digest else None
    except (OSError, ValueError, ModelError):
        return None


@contextmanager
def hold_shelf(folder: Path) -> Iterator[Path]:
    """An empty scratch folder, and nobody else at work here. `Busy`; `OSError` where the folder cannot be written."""
    scratch = folder / SCRATCH
    scratch.mkdir(parents=True, exist_ok=True)
    number = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{folder}: another build is at work here", "wait for it, or name another folder: -o") from None
        try:
            clear(scratch)
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.close(number)


def tidy(folder: Path) -> None:
    """Clear away what a builder that died left, unless another one is at work."""
    if (folder / SCRATCH).exists():
        with suppress(Busy, OSError), hold_shelf(folder):
            pass


def clear(scratch: Path) -> None:
    """Leave nothing in it."""
    for path in scratch.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def put(made: Path, place: Path) -> None:
    """Give a finished file its final name: on the disk first, then named, and the name on the disk too."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(place)
    number = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
