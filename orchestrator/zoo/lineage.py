"""Where an artifact comes from, as JSON: beside its file, and in the store as the model's `recipe`. Pure.

One module writes and reads it, so that a later version of the database can take it apart.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestrator.errors import ModelError
from orchestrator.zoo.distance import Distance

SCHEMA = "dynofarm-lineage-1"


@dataclass(frozen=True)
class Lineage:
    """Everything needed to make an artifact again, and what is known of it.

    `digest` is its SHA-256. `parent` is the SHA-256 of what it was made from: another artifact, the weights of a
    checkpoint, or None for weights drawn with `seed`; `head_drawn` says whether those of the head were. `parameters`
    and `flops` (of one inference) are those of the network (`arithmetic`), whatever the form; `distance` is from the
    parent's outputs. `tools` are name and version of what made it.
    """

    name: str
    digest: str
    size_bytes: int
    form: str
    format: str
    parent: str | None
    shape: Mapping[str, Any]
    head: str
    length: int
    seed: int
    checkpoint: str | None
    head_drawn: bool
    parameters: int
    flops: int
    tools: Mapping[str, str]
    distance: Distance


def to_json(lineage: Lineage, *, indent: int | None = None) -> str:
    """One line, or with `indent` a text for people."""
    return json.dumps({"schema": SCHEMA, **asdict(lineage)}, indent=indent)


def from_json(text: str, where: str) -> Lineage:
    """A lineage as `to_json` wrote it. `ModelError` names `where` it stands and what is wrong."""
    try:
        return _checked(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{where}: not a lineage: {error}", "build the model again") from None


def is_lineage(text: str | None) -> bool:
    """Is a model's `recipe` one of these? Those of other makers are text of any kind."""
    return text is not None and text.startswith(f'{{"schema": "{SCHEMA}"')


def _checked(plain: Any) -> Lineage:
    if not isinstance(plain, dict) or plain.pop("schema", None) != SCHEMA:
        raise ValueError(f"it is not of {SCHEMA}")
    names = {field.name for field in fields(Lineage)}
    if plain.keys() != names:
        raise ValueError(f"unknown or missing: {', '.join(sorted(plain.keys() ^ names))}")
    lineage = Lineage(**{**plain, "distance": Distance(**plain["distance"])})
    texts = (lineage.name, lineage.digest, lineage.form, lineage.format, lineage.head)
    numbers = (lineage.size_bytes, lineage.length, lineage.seed, lineage.parameters, lineage.flops)
    if not all(isinstance(one, str) for one in texts) or not all(type(one) is int and one >= 0 for one in numbers):
        raise ValueError("a value is of another type than it should be")
    if not isinstance(lineage.shape, dict) or not isinstance(lineage.tools, dict):
        raise TypeError("shape and tools are tables")
    return lineage
