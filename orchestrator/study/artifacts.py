"""The artifacts of a study: what is known of each, and which of them is the teacher. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import ModelError, UnknownName
from orchestrator.models import Model
from orchestrator.zoo.lineage import Lineage, from_json, is_lineage

PRECISIONS = {
    "float64": "fp64", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8",
    "int4": "int4", "uint4": "int4", "int2": "int2", "uint2": "int2",
}  # fmt: skip


@dataclass(frozen=True)
class Artifact:
    """`parent` is the digest of what it was made from. `precision` is the recipe's form, or the type of most bytes of
    its weights; `network` names what it computes, so that the precisions of one network share it."""

    name: str
    digest: str
    format: str
    file_bytes: int
    parameters: int | None = None
    parent: str | None = None
    precision: str = ""
    network: str = ""


def artifact_of(model: Model, parameters: int | None = None) -> Artifact:
    """What a stored model tells. `parameters` counted in the file, where no lineage tells those of the network."""
    lineage = _lineage(model)
    most = max(model.weights, key=lambda dtype: model.weights[dtype], default="")
    return Artifact(
        name=model.name,
        digest=model.digest,
        format=model.format,
        file_bytes=model.size_bytes,
        parameters=lineage.parameters if lineage else parameters,
        parent=lineage.parent if lineage else model.parent,
        precision=lineage.form if lineage else PRECISIONS.get(most, most),
        network=_network(lineage) if lineage else "",
    )


def networks(artifacts: Sequence[Artifact]) -> dict[str, str]:
    """By digest, the name of the network: of artifacts that descend from each other, or whose lineage tells the same
    shape, that of the oldest; else its own."""
    known = {one.digest: one for one in artifacts}
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for one in artifacts:
        root = _root(one, known)
        shape = one.network or root.network
        found[one.digest] = first.setdefault(shape, root.name) if shape else root.name
    return found


def roots(artifacts: Sequence[Artifact]) -> set[str]:
    """The digests of those that descend from no other of them."""
    known = {one.digest: one for one in artifacts}
    return {one.digest for one in artifacts if _root(one, known) is one}


def find_teacher(artifacts: Sequence[Artifact], named: str | None = None) -> Artifact | None:
    """The one with this name; else the one from which most of the others descend; else the largest file.

    None for fewer than two artifacts, where nobody named one. `UnknownName` lists those of the study.
    """
    if named is not None:
        found = [one for one in artifacts if named == one.name]
        if not found:
            names = ", ".join(sorted({one.name for one in artifacts})) or "none"
            raise UnknownName(f"--teacher {named}: no such model in this sweep", f"there are: {names}")
        return found[-1]
    if len(artifacts) < 2:
        return None
    known = {one.digest: one for one in artifacts}
    descendants = dict.fromkeys(known, 0)
    for one in artifacts:
        root = _root(one, known)
        descendants[root.digest] += root.digest != one.digest
    return max(artifacts, key=lambda one: (descendants[one.digest], one.file_bytes))


def _root(artifact: Artifact, known: Mapping[str, Artifact]) -> Artifact:
    seen = {artifact.digest}
    while (parent := known.get(artifact.parent or "")) is not None and parent.digest not in seen:
        artifact = parent
        seen.add(artifact.digest)
    return artifact


def _lineage(model: Model) -> Lineage | None:
    if model.recipe is None or not is_lineage(model.recipe):
        return None
    try:
        return from_json(model.recipe, model.name)
    except ModelError:  # of another version: what the file itself tells still holds
        return None


def _network(lineage: Lineage) -> str:
    shape = ",".join(f"{key}={lineage.shape[key]}" for key in sorted(lineage.shape))
    return f"{lineage.head} {lineage.length} {shape}"
