"""What is asked of the builder, and the artifacts it makes of that. Pure; the order goes to its process as JSON."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.zoo.heads import Head
from orchestrator.zoo.recipes import FORMS, with_parents
from orchestrator.zoo.shapes import Family, Shape

SUFFIXES = {"tflite": ".tflite", "onnx": ".onnx"}
USUAL_SEED = 1


@dataclass(frozen=True)
class Artifact:
    """One file to be made. `name` is its file's stem and what it is registered under; `parent` the name of another."""

    name: str
    form: str
    format: str
    parent: str | None

    @property
    def file_name(self) -> str:
        return self.name + SUFFIXES[self.format]

    @property
    def lineage_name(self) -> str:
        """The file beside it that says what it was made from."""
        return f"{self.name}.lineage.json"


@dataclass(frozen=True)
class Order:
    """One network, its weights, and the artifacts wanted of it.

    `seed` draws random weights; with `checkpoint` (a folder) it draws the inputs of calibration and comparison alone.
    `checkpoint_digest` is the SHA-256 of the weights there; `head_drawn`, that its head is not among them.
    """

    shape: Shape
    head: Head
    length: int
    seed: int
    artifacts: tuple[Artifact, ...]
    folder: Path
    checkpoint: Path | None = None
    checkpoint_digest: str | None = None
    head_drawn: bool = True

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)


def order_from_json(text: str) -> Order:
    """An order as `to_json` wrote it."""
    plain: dict[str, Any] = json.loads(text)
    shape = Shape(**{**plain["shape"], "family": Family(plain["shape"]["family"])})
    checkpoint = None if plain["checkpoint"] is None else Path(plain["checkpoint"])
    artifacts = tuple(Artifact(**one) for one in plain["artifacts"])
    rest = {"folder": Path(plain["folder"]), "checkpoint": checkpoint, "artifacts": artifacts}
    return Order(**{**plain, **rest, "shape": shape, "head": Head(**plain["head"])})


def stem_of(shape: Shape, head: Head, length: int, seed: int, checkpoint: Path | None) -> str:
    """`bert-base-l128`; a head, a seed or a checkpoint that is not the usual one shows in it."""
    base = shape.name
    if checkpoint is not None:
        base = re.sub(r"[^A-Za-z0-9._]+", "-", checkpoint.resolve().name).strip("-._").lower() or shape.name
    marks = head.mark + (f"-s{seed}" if seed != USUAL_SEED else "")
    return f"{base}{marks}-l{length}"


def plan_artifacts(stem: str, forms: Sequence[str], formats: Sequence[str]) -> tuple[Artifact, ...]:
    """Every artifact that the forms need in these formats: those made of the network, then those made of artifacts.

    ONNX files end in `-onnx`: a name stands for one thing, and the two formats are two. `UsageError` for a form that
    none of the formats has.
    """
    for form in forms:
        if not set(formats) & set(FORMS[form].formats):
            raise UsageError(
                f"{form}: not made as {' or '.join(formats)}",
                f"it is made as {', '.join(FORMS[form].formats)}: --runtime {FORMS[form].formats[0]}",
            )
    artifacts = [
        Artifact(_name(stem, form, made_in), form, made_in, parent and _name(stem, parent, made_in))
        for made_in in formats
        for form in with_parents(forms, made_in)
        for parent in [FORMS[form].parent]
    ]
    return tuple(sorted(artifacts, key=lambda artifact: artifact.parent is not None))


def _name(stem: str, form: str, made_in: str) -> str:
    return f"{stem}-{form}" + ("" if made_in == "tflite" else f"-{made_in}")
