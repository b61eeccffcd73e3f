"""What a reader of one format found in a file: the same few facts for every format."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.models import TensorInfo

Key = int | str
"""How a format names a tensor inside its graph: TFLite by number (names there need not be unique), ONNX by name."""


class Unreadable(Exception):
    """Why the contents cannot be used, and what to do next; `read_model` adds which file it is."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Damaged(Unreadable):
    """The file starts as its format should, and then breaks its rules."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the file is damaged or cut off: {reason}",
            "copy or export it again, and compare its size and SHA-256 with those of the original",
        )


@dataclass(frozen=True)
class Node:
    """One operator of the graph. `axis` matters for gathers alone."""

    operator: str
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    axis: int = 0


@dataclass(frozen=True)
class Contents:
    """`input_keys` are the graph's keys of `inputs`, in the same order; `shapes` holds those that the file tells;
    `weights` the bytes of stored weights by type."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, int]
    input_keys: tuple[Key, ...] = ()
    nodes: tuple[Node, ...] = ()
    shapes: Mapping[Key, tuple[int, ...]] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)


def check_interface(contents: Contents) -> None:
    """Refuse a model that cannot be fed or judged: no outputs, or inputs that share a name or have none."""
    if not contents.outputs:
        raise Damaged("it declares no output")
    names = [tensor.name for tensor in contents.inputs]
    if "" in names:
        raise Unreadable("an input has no name", "export the model with named inputs")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Unreadable(f"several inputs are named {doubled[0]!r}", "export the model with distinct input names")
